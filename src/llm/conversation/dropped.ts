const NAMES_MAX = 50;

/** What one translation could not say, by name, for the header `x-lanport-dropped`. */
export class Dropped {
  /** Most requests need none. */
  #names: Set<string> | undefined;

  /** `name`: the member as its own format writes it, with a dotted path, for example `tools.web_search` or `messages.cache_control`. */
  add(name: string): void {
    const names = (this.#names ??= new Set());
    if (names.size < NAMES_MAX) names.add(name.replaceAll(/[^\x21-\x2b\x2d-\x7e]/g, '_').slice(0, 100));
  }

  get size(): number {
    return this.#names?.size ?? 0;
  }

  get names(): readonly string[] {
    return [...(this.#names ?? [])];
  }
}
