import type { Format } from '../conversation/format.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { AnswerObserver, Seen } from '../conversation/observer.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Pipe } from './streamed-answer.ts';

/** The same format on both sides: every event goes on as it came, and is only watched. */
export class ObservingPipe implements Pipe {
  readonly #format: Format;
  readonly #observer: AnswerObserver;
  readonly #outcome: LlmOutcome;
  readonly #hidesUsage: boolean;
  #seen: Seen | undefined;

  /** `hidesUsage`: the client did not ask for the event that tells the usage. */
  constructor(format: Format, outcome: LlmOutcome, hidesUsage: boolean) {
    this.#format = format;
    this.#observer = format.observer();
    this.#outcome = outcome;
    this.#hidesUsage = hidesUsage;
  }

  /** What was seen of the answer so far. */
  get seen(): Seen | undefined {
    return this.#seen;
  }

  get hasContent(): boolean {
    return this.#seen?.hasContent === true;
  }

  get isComplete(): boolean {
    return this.#seen?.isComplete === true && this.#seen.failure === undefined;
  }

  event(event: string | undefined, data: Buffer): boolean {
    if (!looksWhole(data)) throw malformed(data);
    const seen = this.#observer.event(event, data);
    this.#seen = seen;
    // At the start it may go elsewhere; later the client gets it as the provider wrote it.
    if (seen.failure !== undefined && !seen.hasContent) throw seen.failure;
    return !(this.#hidesUsage && seen.isUsageAlone);
  }

  written(): undefined {
    return undefined;
  }

  end(): undefined {
    const seen = this.#seen;
    this.leave();
    if (seen?.failure !== undefined) {
      this.#outcome.failure = seen.failure;
      return undefined;
    }
    if (seen?.isComplete !== true)
      throw new LlmFailure('cut', "The provider's answer broke off before its end.", {
        status: 502,
        code: 'upstream_cut',
      });
    return undefined;
  }

  fail(failure: LlmFailure): Buffer | undefined {
    this.leave();
    return this.#seen?.failure === undefined ? this.#format.failEvent(failure) : undefined;
  }

  leave(): void {
    this.#outcome.stop = this.#seen?.stop;
  }

  ping(): Buffer {
    return this.#format.name === 'gemini' ? GEMINI_PING : PING;
  }
}

/** Google's own readers never get past a comment; an empty line is nothing to them. */
const GEMINI_PING = Buffer.from('\r\n');
/** A comment, which every reader of events leaves out. */
const PING = Buffer.from(': ping\n\n');

const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const DONE = Buffer.from('[DONE]');

/** Whether data is an object from its beginning to its end, as far as a look at both can tell: parsing every event would cost more than all else. */
function looksWhole(data: Buffer): boolean {
  let from = 0;
  let to = data.length - 1;
  while (from < to && data[from]! <= SPACE) from++;
  while (to > from && data[to]! <= SPACE) to--;
  if (data[from] !== OPEN || data[to] !== CLOSE) return to < 0 || data.subarray(from, to + 1).equals(DONE);
  let next = from + 1;
  while (next < to && data[next]! <= SPACE) next++;
  return next === to || data[next] === QUOTE;
}

function malformed(data: Buffer): LlmFailure {
  const excerpt = data.toString('utf8', 0, 120);
  return new LlmFailure(
    'upstream',
    `The provider sent an event that is no JSON object: ${JSON.stringify(excerpt)}.`,
    { status: 502, code: 'upstream_malformed' },
  );
}
