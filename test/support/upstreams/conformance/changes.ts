import { EventEmitter } from 'node:events';

export type ListKind = 'tools' | 'prompts' | 'resources';

/**
 * What changes while the fixture runs. Each list has one entry that comes and goes, so that a change is one that a client can see in
 * the list and not only a notification.
 */
export class Changes {
  readonly #shown = new Set<ListKind>();
  readonly #events = new EventEmitter<{ list: [ListKind]; updated: [string] }>().setMaxListeners(0);

  /** Whether the entry that comes and goes is there now. */
  shown(kind: ListKind): boolean {
    return this.#shown.has(kind);
  }

  toggle(kind: ListKind): void {
    if (!this.#shown.delete(kind)) this.#shown.add(kind);
    this.#events.emit('list', kind);
  }

  /** Says that the content of a resource is another one now. */
  update(uri: string): void {
    this.#events.emit('updated', uri);
  }

  /** Calls back on each change until the returned function is called. */
  watch(onList: (kind: ListKind) => void, onUpdated: (uri: string) => void): () => void {
    this.#events.on('list', onList).on('updated', onUpdated);
    return () => void this.#events.off('list', onList).off('updated', onUpdated);
  }
}
