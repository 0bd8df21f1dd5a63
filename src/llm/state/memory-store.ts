import type { ResponseStore, StoredResponse } from '../llm-ports.ts';

/** Keeps answers in memory, up to so many bytes; the oldest go first. */
export class MemoryResponseStore implements ResponseStore {
  readonly #bytesMax: number;
  readonly #now: () => number;
  readonly #kept = new Map<string, StoredResponse>();
  #bytes = 0;

  /** `now`: milliseconds since the Unix epoch. */
  constructor(bytesMax: number, now: () => number) {
    this.#bytesMax = bytesMax;
    this.#now = now;
  }

  save(response: StoredResponse): Promise<void> {
    this.#drop(response.id);
    this.#kept.set(response.id, response);
    this.#bytes += response.payload.length;
    for (const [id, { expiresAt }] of this.#kept) {
      if (this.#bytes <= this.#bytesMax && expiresAt > this.#now()) break;
      this.#drop(id);
    }
    return Promise.resolve();
  }

  load(id: string, keyId: string): Promise<StoredResponse | undefined> {
    const found = this.#kept.get(id);
    const isThere = found?.keyId === keyId && found.expiresAt > this.#now();
    return Promise.resolve(isThere ? found : undefined);
  }

  async remove(id: string, keyId: string): Promise<boolean> {
    const found = await this.load(id, keyId);
    if (found === undefined) return false;
    this.#drop(id);
    return true;
  }

  #drop(id: string): void {
    const found = this.#kept.get(id);
    if (found === undefined) return;
    this.#kept.delete(id);
    this.#bytes -= found.payload.length;
  }
}
