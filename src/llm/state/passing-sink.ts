import type { AnswerSink } from '../llm-ports.ts';

/** Looks at an answer on its way. */
export interface SinkWatch {
  /** After the whole answer was sent. */
  onSent?(body: Buffer): void;
  /** Before a piece goes to the client, which may act on it at once. */
  onWrite?(bytes: Buffer): void;
  /** After a piece went to the client, which does not wait for what is done with it. */
  onWritten?(bytes: Buffer): void;
}

/** Passes an answer on as it comes, and lets somebody look at it on the way. */
export class PassingSink implements AnswerSink {
  readonly #out: AnswerSink;
  readonly #watch: SinkWatch;

  constructor(out: AnswerSink, watch: SinkWatch) {
    this.#out = out;
    this.#watch = watch;
  }

  get isGone(): boolean {
    return this.#out.isGone;
  }

  onGone(listener: () => void): () => void {
    return this.#out.onGone(listener);
  }

  send(status: number, headers: Readonly<Record<string, string>>, body: Buffer): void {
    this.#out.send(status, headers, body);
    this.#watch.onSent?.(body);
  }

  begin(headers: Readonly<Record<string, string>>): void {
    this.#out.begin(headers);
  }

  write(bytes: Buffer): boolean {
    this.#watch.onWrite?.(bytes);
    const isFree = this.#out.write(bytes);
    this.#watch.onWritten?.(bytes);
    return isFree;
  }

  onDrain(listener: () => void): void {
    this.#out.onDrain(listener);
  }

  end(): void {
    this.#out.end();
  }

  cut(): void {
    this.#out.cut();
  }
}
