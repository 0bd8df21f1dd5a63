import type { RecordJson } from '../call-records.ts';

/** Calls in flight that are remembered; of more, the oldest are forgotten. A hundred bytes each. */
const OPEN_MAX = 50_000;

/**
 * When the calls began whose ends have not been stored yet, in milliseconds since the Unix epoch. An end does not say it; and an update of a
 * row whose day is not known has to plan and look through every day that there is.
 */
export class OpenStarts {
  readonly #starts = new Map<string, number>();

  /** `undefined`: not known, because another process stored the start, or long ago. */
  get(id: string): number | undefined {
    return this.#starts.get(id);
  }

  /** These are stored. */
  note(starts: readonly RecordJson[], ends: readonly RecordJson[]): void {
    for (const { id, at } of starts) this.#starts.set(id, at);
    for (const { id } of ends) this.#starts.delete(id);
    for (const id of this.#starts.keys()) {
      if (this.#starts.size <= OPEN_MAX) break;
      this.#starts.delete(id);
    }
  }
}
