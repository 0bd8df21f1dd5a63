import type { Visibility } from '../mcp-ports.ts';
import type { View } from '../catalog/view.ts';

export type ChangeKind = 'tools' | 'prompts' | 'resources';

const KINDS: readonly ChangeKind[] = ['tools', 'prompts', 'resources'];

/** Someone who wants to hear when what they see has changed. */
export interface Listener {
  /** What it may see at this moment. */
  readonly visibility: () => Visibility;
  readonly wants: ReadonlySet<ChangeKind>;
  changed(kind: ChangeKind): void;
}

/** By kind, what identifies the list that a listener was told of last. */
export type KnownLists = ReadonlyMap<ChangeKind, string>;

const DELAY_MS = 100;

/**
 * Tells listeners that a list of theirs is another than the one they knew: once for changes that come together, and nobody whose own list
 * stayed the same.
 */
export class Listeners {
  readonly #viewOf: (visibility: Visibility) => View;
  readonly #known = new Map<Listener, Map<ChangeKind, string>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(viewOf: (visibility: Visibility) => View) {
    this.#viewOf = viewOf;
  }

  get size(): number {
    return this.#known.size;
  }

  /**
   * Adds a listener; returns the way to remove it, which says what it knew last. One that comes back with what it `knew` hears soon of what
   * has changed since.
   */
  add(listener: Listener, knew?: KnownLists): () => KnownLists {
    const view = this.#viewOf(listener.visibility());
    const known = new Map([...listener.wants].map((kind) => [kind, knew?.get(kind) ?? view.digest(kind)]));
    this.#known.set(listener, known);
    if (knew !== undefined) this.changed();
    return () => {
      this.#known.delete(listener);
      return known;
    };
  }

  /** The catalogue changed. */
  changed(): void {
    if (this.#known.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#announce();
    }, DELAY_MS).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#known.clear();
  }

  #announce(): void {
    for (const [listener, known] of this.#known) {
      const view = this.#viewOf(listener.visibility());
      for (const kind of KINDS) {
        if (!listener.wants.has(kind)) continue;
        const digest = view.digest(kind);
        if (known.get(kind) === digest) continue;
        known.set(kind, digest);
        listener.changed(kind);
      }
    }
  }
}
