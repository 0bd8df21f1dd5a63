import type { HttpAnswer, StreamPosition } from './http-answer.ts';
import { ANSWER_MS, type Link } from './link.ts';
import { backoffMs, pause } from './outage.ts';

/** A stream on which nothing came for so long is opened anew, in milliseconds: its other end may be gone without a word. */
const IDLE_MS = 300_000;
const BACKOFF_MAX_MS = 30_000;
/** A stream that lived so long, in milliseconds, was no failure. */
const STABLE_MS = 10_000;

export interface ListenerOptions {
  readonly link: Link;
  readonly random: () => number;
  /** Headers of the session, as it is now. */
  headers(): [name: string, value: string][];
  onMessage(text: Buffer): void;
  /** The session of this stream has ended on the other side. */
  onSessionLost(): void;
}

/** The GET stream on which a legacy server speaks first. It is opened again, for ever, unless the server says that it has none. */
export class Listener {
  readonly #options: ListenerOptions;
  #stop: AbortController | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  start(): void {
    this.stop();
    this.#stop = new AbortController();
    void this.#run(this.#stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const position: StreamPosition = { lastEventId: undefined, retryMs: undefined };
    let hadStream = false;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const openedAt = performance.now();
      const answer = this.#open(position, signal);
      const end = await answer.ended;
      if (signal.aborted) return;
      position.lastEventId = answer.position.lastEventId ?? position.lastEventId;
      position.retryMs = answer.position.retryMs ?? position.retryMs;
      if (end.kind === 'refused') {
        const { status } = end.head;
        // Only a stream that was there before proves that 404 means the session: servers exist that answer every GET so.
        if (status === 404 && hadStream) {
          this.#options.onSessionLost();
          return;
        }
        if (status < 500 && status !== 429 && status !== 409) return;
      } else if (answer.head !== undefined) {
        if (!answer.isStream) return;
        hadStream = true;
        if (performance.now() - openedAt > STABLE_MS) attempt = 0;
      }
      const ms = Math.max(position.retryMs ?? 0, backoffMs(attempt, this.#options.random(), BACKOFF_MAX_MS));
      if (!(await pause(ms, signal))) return;
    }
  }

  #open(position: StreamPosition, signal: AbortSignal): HttpAnswer {
    const { link, headers, onMessage } = this.#options;
    const resume: [string, string][] =
      position.lastEventId === undefined ? [] : [['Last-Event-ID', position.lastEventId]];
    const answer = link.open(
      {
        method: 'GET',
        headers: [['Accept', 'text/event-stream'], ...headers(), ...resume],
        body: undefined,
        headMs: ANSWER_MS,
        idleMs: IDLE_MS,
      },
      { onHead: () => undefined, onMessage },
    );
    const abort = (): void => answer.abort();
    signal.addEventListener('abort', abort, { once: true });
    void answer.ended.then(() => signal.removeEventListener('abort', abort));
    return answer;
  }
}
