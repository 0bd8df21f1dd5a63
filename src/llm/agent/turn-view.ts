import type { AnswerEvent, Stop, Usage } from '../conversation/answer.ts';
import { AnswerBuilder } from '../conversation/answer-builder.ts';
import type { Part, ToolCallPart } from '../conversation/parts.ts';
import type { Offer } from './plan.ts';

/** A call of one of our tools in a turn. */
export interface OwnCall {
  readonly id: string;
  readonly offer: Offer;
  /** The number of its part in the client's answer; `undefined`: the client sees nothing of it yet. */
  readonly at: number | undefined;
}

/** Numbers the parts of the client's answer over all turns. */
export interface PartNumbers {
  next: number;
}

/**
 * One turn of a model on its way into the client's answer: calls of our tools become calls that we make, everything else goes on, renumbered.
 */
export class TurnView {
  readonly #offers: ReadonlyMap<string, Offer>;
  readonly #numbers: PartNumbers;
  readonly #isFirst: boolean;
  readonly #builder = new AnswerBuilder();
  /** The client's number of each part; `undefined` for one that it does not see. */
  readonly #places = new Map<number, number | undefined>();
  readonly #own = new Map<number, OwnCall>();
  usage: Usage | undefined;
  stop: Stop | undefined;

  constructor(offers: ReadonlyMap<string, Offer>, numbers: PartNumbers, isFirst: boolean) {
    this.#offers = offers;
    this.#numbers = numbers;
    this.#isFirst = isFirst;
  }

  /** What the client gets of these events. */
  take(events: readonly AnswerEvent[]): AnswerEvent[] {
    const passed: AnswerEvent[] = [];
    for (const event of events) {
      this.#builder.add(event);
      const one = this.#pass(event);
      if (one !== undefined) passed.push(one);
    }
    return passed;
  }

  /** The parts of the turn as the model said them, for the conversation. */
  get parts(): readonly Part[] {
    return this.#builder.answer().parts;
  }

  /** Calls of our tools, each with its input, in the order of the turn. */
  get ownCalls(): readonly (OwnCall & { readonly input: string })[] {
    const inputs = new Map(
      this.parts
        .filter((part): part is ToolCallPart => part.kind === 'tool-call')
        .map((part) => [part.id, part.input]),
    );
    return [...this.#own.values()].map((call) => ({ ...call, input: inputs.get(call.id) ?? '' }));
  }

  /** Whether the turn calls tools that are the client's to call. */
  get hasClientCalls(): boolean {
    return this.parts.filter(({ kind }) => kind === 'tool-call').length > this.#own.size;
  }

  #pass(event: AnswerEvent): AnswerEvent | undefined {
    switch (event.kind) {
      case 'start':
        return this.#isFirst ? event : undefined;
      case 'usage':
        this.usage = event.usage;
        return undefined;
      case 'stop':
        this.stop = event.stop;
        return undefined;
      case 'end':
        return undefined;
      case 'ping':
        return event;
      case 'part-start':
        return this.#begin(event);
      default: {
        const at = this.#places.get(event.at);
        if (at === undefined) return undefined;
        const own = this.#own.get(event.at);
        // The end of a call comes with its outcome; what seals it is between us and the model.
        if (own !== undefined && event.kind !== 'input') return undefined;
        return { ...event, at };
      }
    }
  }

  #begin(event: Extract<AnswerEvent, { kind: 'part-start' }>): AnswerEvent | undefined {
    const { part } = event;
    const offer = part.kind === 'tool-call' ? this.#offers.get(part.name) : undefined;
    if (part.kind !== 'tool-call' || offer === undefined) {
      const at = this.#numbers.next++;
      this.#places.set(event.at, at);
      return { ...event, at };
    }
    const at = offer.needsApproval ? undefined : this.#numbers.next++;
    this.#places.set(event.at, at);
    this.#own.set(event.at, { id: part.id, offer, at });
    if (at === undefined) return undefined;
    return {
      kind: 'part-start',
      at,
      part: { kind: 'server-call', id: part.id, server: offer.label, name: part.name },
    };
  }
}
