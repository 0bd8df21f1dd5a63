/** A `fetch` with connections of its own. */
export interface OwnFetch {
  readonly fetch: typeof fetch;
  /** Ends its connections, also those that are only kept for reuse. */
  close(): Promise<void>;
}

interface Dispatcher {
  destroy(): Promise<void>;
}

const DISPATCHER = Symbol.for('undici.globalDispatcher.2');

/** Makes one. The `fetch` of Node.js shares its connections between all clients of a process, and keeps them as long as the server allows. */
export async function ownFetch(): Promise<OwnFetch> {
  // The first use makes the dispatcher.
  await fetch('data:,');
  const shared = (globalThis as Record<symbol, unknown>)[DISPATCHER] as Dispatcher | undefined;
  if (shared === undefined) throw new Error('this Node.js keeps its HTTP connections elsewhere');
  const dispatcher = new (shared.constructor as new () => Dispatcher)();
  return {
    fetch: (input, init) => fetch(input, { ...init, dispatcher } as RequestInit),
    close: () => dispatcher.destroy(),
  };
}
