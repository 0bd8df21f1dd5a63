import type { Json, Message } from './scripted-server.ts';

/** Requests that a scripted server put to its client on one connection. */
export class Asked {
  readonly #open = new Map<string | number, (message: Message) => void>();
  #last = 0;

  /** Asks with `say`, under a number or the given id; resolves with the reply. */
  put(
    say: (message: unknown) => void,
    method: string,
    params?: Json,
    id: string | number = `question-${++this.#last}`,
  ): Promise<Message> {
    return new Promise((resolve) => {
      this.#open.set(id, resolve);
      say({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) });
    });
  }

  /** Takes a message when it is a reply. */
  answered(message: Message): boolean {
    if (message.method !== undefined || message.id === undefined) return false;
    this.#open.get(message.id)?.(message);
    this.#open.delete(message.id);
    return true;
  }
}
