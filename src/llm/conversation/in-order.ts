import type { AnswerEvent } from './answer.ts';

/** An event of one part. */
export type PartEvent = Extract<AnswerEvent, { readonly at: number }>;

/**
 * Puts the parts of an answer one after the other, for formats in which parts do not overlap: what belongs to a part that began while another
 * one was open waits until all before it have ended.
 */
export class InOrder {
  readonly #emit: (event: PartEvent) => void;
  readonly #waiting = new Map<number, PartEvent[]>();
  #current: number | undefined;

  constructor(emit: (event: PartEvent) => void) {
    this.#emit = emit;
  }

  add(event: PartEvent): void {
    if (this.#current !== undefined && this.#current !== event.at) {
      const waiting = this.#waiting.get(event.at);
      if (waiting === undefined) this.#waiting.set(event.at, [event]);
      else waiting.push(event);
      return;
    }
    this.#now(event);
    if (this.#current === undefined) this.#release();
  }

  /** Ends what is still open, and lets all go that waits. */
  end(): void {
    while (this.#current !== undefined) this.add({ kind: 'part-end', at: this.#current });
  }

  #now(event: PartEvent): void {
    if (event.kind === 'part-start') this.#current = event.at;
    // A part that has ended says nothing any more.
    if (this.#current === undefined) return;
    if (event.kind === 'part-end') this.#current = undefined;
    this.#emit(event);
  }

  #release(): void {
    for (const [at, events] of this.#waiting) {
      this.#waiting.delete(at);
      for (const event of events) this.#now(event);
      if (this.#current !== undefined) return;
    }
  }
}
