import type { Bounds } from '../../core/bounds.ts';
import type { AnswerEvent, Stop, Usage } from '../conversation/answer.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { JsonObject, Part, ToolResultPart } from '../conversation/parts.ts';
import type { ModelRequest, ToolChoice } from '../conversation/request.ts';
import type { ToolHost, ToolOutcome } from '../llm-ports.ts';
import type { TurnResult, TurnTaker } from '../turn/turn.ts';
import { sumOf } from '../usage/spent.ts';
import { type Consent, type Offer, takeConsents, type ToolPlan } from './plan.ts';
import { litellmItems } from './litellm-items.ts';
import { type OwnCall, type PartNumbers, TurnView } from './turn-view.ts';

/** Bounds of one request's tools. */
export type LoopBounds = Pick<Bounds, 'maxToolRounds' | 'toolCallMs' | 'toolResultCharactersMax'>;

export interface LoopDeps {
  readonly plan: ToolPlan;
  readonly host: ToolHost;
  readonly bounds: LoopBounds;
  /** Has a model take one turn; tries others as long as nothing of it was passed on. */
  readonly turn: (request: ModelRequest, taker: TurnTaker) => Promise<TurnResult>;
  /** The client's answer. `false`: it reads slowly. */
  readonly emit: (events: readonly AnswerEvent[]) => boolean;
  readonly onDrain: (listener: () => void) => void;
  readonly onCommit: TurnTaker['onCommit'];
  /** Ends when the client goes away. */
  readonly signal: AbortSignal;
  readonly newId: (prefix: string) => string;
  /** Whether the answer ends with the two items that LiteLLM adds to it. */
  readonly endsAsLitellm: boolean;
}

export type LoopResult =
  | { readonly kind: 'done'; readonly usage: Usage | undefined }
  | { readonly kind: 'failed'; readonly failure: LlmFailure; readonly usage: Usage | undefined };

const NO_CALLS_LEFT =
  'This call was not made: the request allows no more calls of tools. Answer with what you have.';

type Call = OwnCall & { readonly input: string };

/**
 * Lets a model use our tools: turn after turn, until it says something without calling one, calls one that is the client's, or waits for consent.
 * The client gets one answer of it all, as it comes.
 */
export async function runLoop(deps: LoopDeps): Promise<LoopResult> {
  const loop = new Loop(deps);
  return loop.run();
}

class Loop {
  readonly #deps: LoopDeps;
  readonly #numbers: PartNumbers = { next: 0 };
  /** What the client gets right after the beginning of its answer. */
  #announcement: AnswerEvent[] = [];
  #usage: Usage | undefined;
  readonly #results: ToolResultPart[] = [];
  #callsLeft: number;

  constructor(deps: LoopDeps) {
    this.#deps = deps;
    this.#callsLeft = deps.plan.callsMax ?? Number.POSITIVE_INFINITY;
  }

  async run(): Promise<LoopResult> {
    const { plan, bounds, turn, onCommit, onDrain } = this.#deps;
    const { request: plain, consents } = takeConsents(plan.request);
    for (const { label, tools } of plan.lists) this.#announceTools(label, tools);
    const consented = await Promise.all(consents.map((consent) => this.#actOn(consent)));
    let request = withTurn(plain, 'user', consented);
    let mustAnswer = false;
    for (let round = 1; ; round++) {
      const view = new TurnView(plan.offers, this.#numbers, round === 1);
      const result = await turn(request, {
        onCommit: (head) => {
          if (round === 1) onCommit(head);
        },
        onEvents: (events) => this.#pass(view.take(events)),
        onDrain,
      });
      this.#count(result.usage);
      if (result.kind !== 'done') return { kind: 'failed', failure: result.failure, usage: this.#usage };
      const calls = view.ownCalls;
      if (mustAnswer && calls.length > 0) {
        this.#refuseCalls(view, calls);
        return { kind: 'done', usage: this.#usage };
      }
      const [waiting, free] = [calls.filter(needsApproval), calls.filter((call) => !needsApproval(call))];
      const results = await Promise.all(free.map((call) => this.#call(call)));
      this.#results.push(...results);
      for (const call of waiting) this.#ask(call);
      if (calls.length === 0 || waiting.length > 0 || view.hasClientCalls) {
        this.#end(view, calls.length > 0);
        return { kind: 'done', usage: this.#usage };
      }
      request = withTurn(withTurn(request, 'assistant', view.parts), 'user', results);
      // A tool that had to be called was called; after the last one there must be words.
      mustAnswer = round >= bounds.maxToolRounds || this.#callsLeft <= 0;
      request = { ...request, toolChoice: mustAnswer ? { kind: 'none' } : freed(request.toolChoice) };
    }
  }

  /** Ends the answer of a model that calls tools although it must not: some providers do not know that choice, and would go on for ever. */
  #refuseCalls(view: TurnView, calls: readonly Call[]): void {
    for (const { at } of calls)
      if (at !== undefined)
        this.#deps.emit([
          { kind: 'result', at, ...trouble(NO_CALLS_LEFT) },
          { kind: 'part-end', at },
        ]);
    this.#end(view, true, { kind: 'length' });
  }

  #announceTools(server: string, tools: ToolPlan['lists'][number]['tools']): void {
    const at = this.#numbers.next++;
    const part: Part = { kind: 'server-tools', id: this.#deps.newId('mcpl_'), server, tools };
    this.#announcement.push(
      { kind: 'part-start', at, part: { kind: 'whole', part } },
      { kind: 'part-end', at },
    );
  }

  /** Makes the call that the client has consented to, or tells the model that it has not. */
  async #actOn(consent: Consent): Promise<ToolResultPart> {
    const { plan } = this.#deps;
    const offer = plan.offers.get(consent.name);
    if (!consent.isApproved || offer === undefined) {
      const why =
        offer === undefined
          ? 'This tool is not available any more.'
          : 'The user did not consent to this call.';
      const text = consent.reason === undefined ? why : `${why} ${consent.reason}`;
      return resultPart(consent.callId, consent.name, { content: [{ kind: 'text', text }], isError: true });
    }
    const at = this.#numbers.next++;
    const { label, input, callId, name } = consent;
    const id = this.#deps.newId('mcp_');
    const outcome = await this.#outcome(offer.tool, input);
    this.#announcement.push(
      { kind: 'part-start', at, part: { kind: 'server-call', id, server: label, name, approvalId: callId } },
      { kind: 'input', at, text: input },
      { kind: 'result', at, ...outcome },
      { kind: 'part-end', at },
    );
    return resultPart(callId, name, outcome);
  }

  async #call({ id, offer, at, input }: Call): Promise<ToolResultPart> {
    const outcome = await this.#outcome(offer.tool, input);
    if (at !== undefined)
      this.#deps.emit([
        { kind: 'result', at, ...outcome },
        { kind: 'part-end', at },
      ]);
    return resultPart(id, offer.tool.name, outcome);
  }

  /** Calls a tool. What goes wrong with it is for the model to read. */
  async #outcome(tool: Offer['tool'], input: string): Promise<ToolOutcome> {
    const { host, bounds, signal } = this.#deps;
    const given = input.trim() === '' ? '{}' : input;
    const problem = inputProblem(given);
    if (problem !== undefined) return trouble(problem);
    if (this.#callsLeft-- <= 0) return trouble(NO_CALLS_LEFT);
    const late = AbortSignal.timeout(bounds.toolCallMs);
    const outcome = await host.call(tool, given, AbortSignal.any([signal, late]));
    if (outcome.isError && late.aborted && !signal.aborted) return trouble(tooLate(bounds.toolCallMs));
    return { ...outcome, content: shortened(outcome.content, bounds.toolResultCharactersMax) };
  }

  /** Asks the client for its consent. */
  #ask({ offer, input }: Call): void {
    const at = this.#numbers.next++;
    const part: Part = {
      kind: 'approval-request',
      id: this.#deps.newId('mcpr_'),
      server: offer.label,
      name: offer.tool.name,
      input,
    };
    this.#deps.emit([
      { kind: 'part-start', at, part: { kind: 'whole', part } },
      { kind: 'part-end', at },
    ]);
  }

  /** Adds an item that only Responses knows. */
  #add(value: JsonObject): void {
    const at = this.#numbers.next++;
    const part: Part = { kind: 'foreign', format: 'responses', value };
    this.#deps.emit([
      { kind: 'part-start', at, part: { kind: 'whole', part } },
      { kind: 'part-end', at },
    ]);
  }

  #end(view: TurnView, hasCalls: boolean, cut?: Stop): void {
    const ended: Stop = hasCalls ? { kind: 'end' } : (view.stop ?? { kind: 'end' });
    const stop: Stop = view.hasClientCalls ? { kind: 'tool-calls' } : (cut ?? ended);
    if (this.#deps.endsAsLitellm && this.#results.length > 0)
      for (const value of litellmItems(this.#deps.plan, this.#results, this.#deps.newId)) this.#add(value);
    this.#deps.emit([
      ...(this.#usage === undefined ? [] : [{ kind: 'usage' as const, usage: this.#usage }]),
      { kind: 'stop', stop },
      { kind: 'end' },
    ]);
  }

  #pass(events: readonly AnswerEvent[]): boolean {
    const announcement = this.#announcement;
    const start = announcement.length === 0 ? -1 : events.findIndex(({ kind }) => kind === 'start');
    if (start < 0) return events.length === 0 || this.#deps.emit(events);
    this.#announcement = [];
    return this.#deps.emit([...events.slice(0, start + 1), ...announcement, ...events.slice(start + 1)]);
  }

  #count(usage: Usage | undefined): void {
    if (usage === undefined) return;
    this.#usage = sumOf(this.#usage, usage);
  }
}

/** What a model is told in place of a result. */
function trouble(text: string): ToolOutcome {
  return { content: [{ kind: 'text', text }], isError: true };
}

function tooLate(ms: number): string {
  return `The call was given up: the tool did not answer within ${ms / 1_000} s.`;
}

function needsApproval({ offer }: Call): boolean {
  return offer.needsApproval;
}

function withTurn(request: ModelRequest, role: 'user' | 'assistant', parts: readonly Part[]): ModelRequest {
  return parts.length === 0 ? request : { ...request, turns: [...request.turns, { role, parts }] };
}

function freed(choice: ToolChoice | undefined): ToolChoice | undefined {
  return choice === undefined || choice.kind === 'none' || choice.kind === 'allowed'
    ? choice
    : { kind: 'auto' };
}

function resultPart(callId: string, name: string, { content, isError }: ToolOutcome): ToolResultPart {
  return { kind: 'tool-result', callId, name, content, isError };
}

/** Why a model's input for a tool cannot be used, in words for the model. */
function inputProblem(input: string): string | undefined {
  try {
    const value: unknown = JSON.parse(input);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? undefined
      : 'The arguments must be a JSON object.';
  } catch (error) {
    return `The arguments are not JSON: ${(error as Error).message}`;
  }
}

/** Results that a model could not read in one go are cut, and say so. */
function shortened(content: readonly Part[], charactersMax: number): readonly Part[] {
  let left = charactersMax;
  return content.map((part) => {
    if (part.kind !== 'text') return part;
    if (part.text.length <= left) {
      left -= part.text.length;
      return part;
    }
    const text = `${part.text.slice(0, left)}\n[cut: ${part.text.length - left} more characters]`;
    left = 0;
    return { ...part, text };
  });
}
