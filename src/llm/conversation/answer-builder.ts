import type { Answer, AnswerEvent, PartStart, Stop, Usage } from './answer.ts';
import type { Citation, Extras, Json, Part, Seal } from './parts.ts';

interface Open {
  readonly start: PartStart;
  readonly itemId: string | undefined;
  readonly extras: Extras | undefined;
  text: string;
  seal: Seal | undefined;
  citations: Citation[] | undefined;
  output: readonly Part[] | undefined;
  isError: boolean;
}

/** Puts the events of one answer together. */
export class AnswerBuilder {
  #id = '';
  #model = '';
  #createdAt = 0;
  readonly #parts: (Open | undefined)[] = [];
  #stop: Stop = { kind: 'end' };
  #usage: Usage | undefined;
  #logprobs: Json[] | undefined;

  add(event: AnswerEvent): void {
    switch (event.kind) {
      case 'start':
        this.#id = event.id;
        this.#model = event.model;
        this.#createdAt = event.createdAt;
        return;
      case 'part-start':
        this.#parts[event.at] = {
          start: event.part,
          itemId: event.itemId,
          extras: event.extras,
          text: '',
          seal: undefined,
          citations: undefined,
          output: undefined,
          isError: false,
        };
        return;
      case 'text':
      case 'input': {
        const open = this.#parts[event.at];
        if (open !== undefined) open.text += event.text;
        return;
      }
      case 'seal': {
        const open = this.#parts[event.at];
        if (open !== undefined) open.seal = event.seal;
        return;
      }
      case 'citation': {
        const open = this.#parts[event.at];
        if (open !== undefined) (open.citations ??= []).push(event.citation);
        return;
      }
      case 'result': {
        const open = this.#parts[event.at];
        if (open === undefined) return;
        open.output = event.content;
        open.isError = event.isError;
        return;
      }
      case 'logprobs':
        (this.#logprobs ??= []).push(...event.tokens);
        return;
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'stop':
        this.#stop = event.stop;
        return;
      case 'part-end':
      case 'ping':
      case 'end':
    }
  }

  /** The answer as far as it has come. */
  answer(): Answer {
    return {
      id: this.#id,
      model: this.#model,
      createdAt: this.#createdAt,
      parts: this.#parts.filter((open) => open !== undefined).map(partOf),
      stop: this.#stop,
      usage: this.#usage,
      logprobs: this.#logprobs,
    };
  }
}

function partOf({ start, text, seal, citations, output, isError, itemId, extras }: Open): Part {
  const common = {
    ...(itemId === undefined ? {} : { itemId }),
    ...(extras === undefined ? {} : { extras }),
  };
  switch (start.kind) {
    case 'text':
      return { kind: 'text', text, citations, ...(seal === undefined ? {} : { seal }), ...common };
    case 'refusal':
      return { kind: 'refusal', text, ...common };
    case 'thinking':
      return { kind: 'thinking', text, isSummary: start.isSummary, seal, ...common };
    case 'tool-call':
      return { ...start, input: text, seal, ...common };
    case 'server-call':
      return { ...start, input: text, output, isError, ...common };
    case 'whole':
      return start.part;
  }
}

/** The answer that these events make. */
export function buildAnswer(events: readonly AnswerEvent[]): Answer {
  const builder = new AnswerBuilder();
  for (const event of events) builder.add(event);
  return builder.answer();
}
