import type { AnswerSink } from '../llm-ports.ts';

/** Passes an answer on as it comes: what others, who look at it on the way, have in common. */
export class PassingSink implements AnswerSink {
  readonly #out: AnswerSink;

  constructor(out: AnswerSink) {
    this.#out = out;
  }

  get isGone(): boolean {
    return this.#out.isGone;
  }

  onGone(listener: () => void): () => void {
    return this.#out.onGone(listener);
  }

  send(status: number, headers: Readonly<Record<string, string>>, body: Buffer): void {
    this.#out.send(status, headers, body);
  }

  begin(headers: Readonly<Record<string, string>>): void {
    this.#out.begin(headers);
  }

  write(bytes: Buffer): boolean {
    return this.#out.write(bytes);
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
