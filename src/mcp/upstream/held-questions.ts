import type { RpcRequest } from '../wire/message.ts';
import type { ActiveCall } from './active-call.ts';
import { onlyOne } from './attribution.ts';

/** How long a question waits for the calls that it might belong to to become one, in milliseconds. */
const HELD_MS = 5_000;
const HELD_MAX = 100;

interface Held {
  readonly request: RpcRequest;
  /** Calls that were under way when it was asked, and are. */
  readonly candidates: Set<ActiveCall>;
  /** Principals of those that were given up. */
  readonly givenUp: Set<string>;
  readonly timer: NodeJS.Timeout;
}

/**
 * Questions that came while calls of several clients were under way: each waits until the server has answered all but one of them. A call that
 * began later has nothing to do with it, and one of another principal's that was given up may be the one: then it is put to nobody.
 */
export class HeldQuestions {
  readonly #held = new Set<Held>();
  readonly #put: (request: RpcRequest, call: ActiveCall) => void;
  readonly #refuse: (request: RpcRequest) => void;

  constructor(put: (request: RpcRequest, call: ActiveCall) => void, refuse: (request: RpcRequest) => void) {
    this.#put = put;
    this.#refuse = refuse;
  }

  hold(request: RpcRequest, calls: Iterable<ActiveCall>): void {
    if (this.#held.size >= HELD_MAX) {
      this.#refuse(request);
      return;
    }
    const timer = setTimeout(() => {
      this.#held.delete(held);
      this.#refuse(request);
    }, HELD_MS);
    timer.unref();
    const held: Held = { request, candidates: new Set(calls), givenUp: new Set(), timer };
    this.#held.add(held);
  }

  /** A call is over; `answered`: by the server's reply, so that nothing of it is open. */
  callEnded(call: ActiveCall, answered: boolean): void {
    if (this.#held.size === 0) return;
    for (const held of [...this.#held]) {
      if (!held.candidates.delete(call)) continue;
      if (!answered) held.givenUp.add(call.caller.principalId);
      const left = onlyOne(held.candidates);
      if (left === 'ambiguous') continue;
      this.#release(held);
      if (
        left !== 'none' &&
        [...held.givenUp].every((principalId) => principalId === left.caller.principalId)
      )
        this.#put(held.request, left);
      else this.#refuse(held.request);
    }
  }

  /** Whether a question with that id (JSON text) is held. */
  has(id: string): boolean {
    return [...this.#held].some(({ request }) => request.idBytes.toString('utf8') === id);
  }

  /** The server wants no answer any more. */
  withdraw(id: string): void {
    for (const held of [...this.#held]) if (held.request.idBytes.toString('utf8') === id) this.#release(held);
  }

  close(): void {
    for (const held of [...this.#held]) this.#release(held);
  }

  #release(held: Held): void {
    clearTimeout(held.timer);
    this.#held.delete(held);
  }
}
