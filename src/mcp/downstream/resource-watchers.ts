import type { RpcNotification } from '../wire/message.ts';

/** Hears of changes of one resource; gets the server's notification. */
export type ResourceListener = (notification: RpcNotification) => void;

/** Who watches which resource of which server, whatever connection the server is reached over. */
export class ResourceWatchers {
  readonly #listeners = new Map<string, Map<string, Set<ResourceListener>>>();

  /** Adds a listener; returns the way to remove it. */
  add(server: string, uri: string, listener: ResourceListener): () => void {
    const ofServer = this.#listeners.get(server) ?? new Map<string, Set<ResourceListener>>();
    this.#listeners.set(server, ofServer);
    const ofUri = ofServer.get(uri) ?? new Set<ResourceListener>();
    ofServer.set(uri, ofUri);
    ofUri.add(listener);
    return () => {
      if (!ofUri.delete(listener)) return;
      if (ofUri.size === 0) ofServer.delete(uri);
      if (ofServer.size === 0) this.#listeners.delete(server);
    };
  }

  /** What of a server is watched, and by how many. */
  countsOf(server: string): ReadonlyMap<string, number> {
    return new Map([...(this.#listeners.get(server) ?? [])].map(([uri, listeners]) => [uri, listeners.size]));
  }

  /** A resource changed. It may be a part of one that is watched (2025-11-25, Resources, "Subscriptions"). */
  updated(server: string, uri: string, notification: RpcNotification): void {
    const ofServer = this.#listeners.get(server);
    if (ofServer === undefined) return;
    const isWatched = ofServer.has(uri);
    for (const [watched, listeners] of ofServer)
      if (watched === uri || (uri.startsWith(watched) && (!isWatched || isBelow(uri, watched))))
        for (const listener of [...listeners]) listener(notification);
  }
}

/** Whether `uri`, which begins with `parent`, goes on where a part of a URI ends. */
function isBelow(uri: string, parent: string): boolean {
  return parent.endsWith('/') || '/?#'.includes(uri[parent.length] ?? '-');
}
