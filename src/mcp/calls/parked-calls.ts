import { createHash, randomBytes } from 'node:crypto';
import { GatewayError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json-scan.ts';
import type { Seal } from '../../core/seal.ts';
import type { ModernCaller } from '../downstream/callers.ts';
import type { ReplyStream } from '../downstream/reply-stream.ts';
import type { ServerReply } from '../upstream/connection.ts';
import type { RpcRequest } from '../wire/message.ts';
import type { CallTarget } from './target.ts';

/** Calls that may wait for their clients at a time. */
const PARKED_MAX = 1_000;
const PARKED_PER_PRINCIPAL_MAX = 32;
/** Milliseconds that an answer waits for a client that asked, was asked back, and did not return. */
const FINISHED_MS = 2 * 60_000;
/** Milliseconds within which questions count as asked together. */
const TOGETHER_MS = 10;
/** Milliseconds that a server's own state stays valid in a client's hands. */
const STATE_MS = 60 * 60_000;

/** How a call went on: the server replied, or the client is asked first. */
export type Step =
  | { readonly kind: 'reply'; readonly reply: ServerReply }
  | { readonly kind: 'input'; readonly result: Buffer };

/** What a client's `requestState` was, after it was opened. */
export type OpenedState =
  | { readonly kind: 'parked'; readonly id: string; readonly turn: number }
  | { readonly kind: 'server'; readonly state: Buffer };

interface Parked {
  readonly id: string;
  readonly caller: ModernCaller;
  readonly outcome: Promise<ServerReply>;
  readonly call: string;
  turn: number;
  expires: NodeJS.Timeout | undefined;
}

interface Sealed {
  readonly k: 'p' | 's';
  /** Principal. */
  readonly p: string;
  /** Digest of what was called. */
  readonly c: string;
  readonly i?: string;
  readonly n?: number;
  readonly s?: string;
  /** Milliseconds since the Unix epoch when it expires. */
  readonly e?: number;
}

/**
 * Calls of stateless clients that wait for an answer of the user's: the server's request stays open behind us, the client holds a sealed
 * `requestState` that is good once, for this principal and this call (2026-07-28, "Multi round-trip requests").
 */
export class ParkedCalls {
  readonly #seal: Seal;
  readonly #now: () => number;
  readonly #parked = new Map<string, Parked>();

  /** `now`: milliseconds since the Unix epoch. */
  constructor(seal: Seal, now: () => number) {
    this.#seal = seal;
    this.#now = now;
  }

  get size(): number {
    return this.#parked.size;
  }

  /** Waits for a call just begun: for its reply, or for its first question. Rejects as the call does. */
  begin(caller: ModernCaller, target: CallTarget, outcome: Promise<ServerReply>): Promise<Step> {
    return new Promise((resolve, reject) => {
      let settled = false;
      outcome.then(
        (reply) => {
          settled = true;
          resolve({ kind: 'reply', reply });
        },
        (error: Error) => {
          settled = true;
          reject(error);
        },
      );
      caller.onAsked(
        soon(() => {
          if (settled || !caller.isAsked) return;
          try {
            resolve(this.#ask(this.#park(caller, target, outcome)));
          } catch (error) {
            caller.cancellation.cancel('too many calls wait for answers');
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        }),
      );
    });
  }

  /** Opens a state that this principal was given for this call. Throws `state-invalid`. */
  open(token: string, principalId: string, target: CallTarget): OpenedState {
    const text = this.#seal.open(token);
    const sealed = text === undefined ? undefined : (JSON.parse(text) as Sealed);
    if (sealed === undefined || sealed.p !== principalId || sealed.c !== digest(target))
      throw new GatewayError('state-invalid');
    if (sealed.k === 'p' && sealed.i !== undefined && sealed.n !== undefined)
      return { kind: 'parked', id: sealed.i, turn: sealed.n };
    if (sealed.s === undefined || sealed.e === undefined || sealed.e < this.#now())
      throw new GatewayError('state-invalid');
    return { kind: 'server', state: Buffer.from(JSON.stringify(sealed.s)) };
  }

  has(id: string): boolean {
    return this.#parked.has(id);
  }

  /** Goes on with a parked call. Throws `state-invalid` when it is over or was resumed already. */
  resume(
    state: Extract<OpenedState, { kind: 'parked' }>,
    request: RpcRequest,
    stream: ReplyStream,
    onResumed: (caller: ModernCaller) => void,
  ): Promise<Step> {
    const parked = this.#parked.get(state.id);
    if (parked === undefined || parked.turn !== state.turn) throw new GatewayError('state-invalid');
    const responses = readResponses(request.params);
    parked.turn++;
    clearTimeout(parked.expires);
    const { caller } = parked;
    caller.continueWith(request, stream);
    onResumed(caller);
    return new Promise((resolve, reject) => {
      let settled = false;
      const end = (): void => {
        settled = true;
        caller.onAsked(undefined);
        this.#parked.delete(parked.id);
      };
      parked.outcome.then(
        (reply) => {
          end();
          resolve({ kind: 'reply', reply });
        },
        (error: Error) => {
          end();
          reject(error);
        },
      );
      caller.answer(responses);
      // What is still open, or is asked next, is the client's next task.
      caller.onAsked(
        soon(() => {
          if (!settled && caller.isAsked) resolve(this.#ask(parked));
        }),
      );
    });
  }

  /** A server's own state, sealed for the principal and the call that it was given to. */
  sealState(principalId: string, target: CallTarget, state: string): string {
    const sealed: Sealed = { k: 's', p: principalId, c: digest(target), s: state, e: this.#now() + STATE_MS };
    return this.#seal.seal(JSON.stringify(sealed));
  }

  close(): void {
    for (const parked of this.#parked.values()) clearTimeout(parked.expires);
    this.#parked.clear();
  }

  #park(caller: ModernCaller, target: CallTarget, outcome: Promise<ServerReply>): Parked {
    if (this.#parked.size >= PARKED_MAX) throw new GatewayError('questions-limit', { max: PARKED_MAX });
    let mine = 0;
    for (const other of this.#parked.values()) if (other.caller.principalId === caller.principalId) mine++;
    if (mine >= PARKED_PER_PRINCIPAL_MAX)
      throw new GatewayError('questions-limit', { max: PARKED_PER_PRINCIPAL_MAX });
    const id = randomBytes(12).toString('base64url');
    const parked: Parked = { id, caller, outcome, call: digest(target), turn: 0, expires: undefined };
    this.#parked.set(id, parked);
    // The call itself ends when nobody answers in time; what it came to is kept for a while.
    const expire = (): void => {
      parked.expires = setTimeout(() => this.#parked.delete(id), FINISHED_MS);
      parked.expires.unref();
    };
    outcome.then(expire, expire);
    return parked;
  }

  #ask(parked: Parked): Step {
    const { caller } = parked;
    const requests = caller.inputRequests();
    caller.park();
    const sealed: Sealed = { k: 'p', p: caller.principalId, c: parked.call, i: parked.id, n: parked.turn };
    const state = JSON.stringify(this.#seal.seal(JSON.stringify(sealed)));
    return {
      kind: 'input',
      result: Buffer.concat([
        Buffer.from('{"resultType":"input_required","inputRequests":'),
        requests,
        Buffer.from(`,"requestState":${state}}`),
      ]),
    };
  }
}

/** `work`, a moment after it was asked for: a server may ask several things at the same time. */
function soon(work: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    setTimeout(() => {
      isDue = false;
      work();
    }, TOGETHER_MS);
  };
}

/** The members of `inputResponses`. Throws `rpc-params` when they are not objects. */
export function readResponses(params: JsonObject | undefined): ReadonlyMap<string, Buffer> {
  const responses = params?.child('inputResponses');
  if (responses === undefined) {
    if (params?.has('inputResponses') === true)
      throw new GatewayError('rpc-params', { reason: 'inputResponses must be an object' });
    return new Map();
  }
  const read = new Map<string, Buffer>();
  for (const key of responses.keys) {
    const value = responses.slice(key);
    if (value?.[0] !== 0x7b)
      throw new GatewayError('rpc-params', {
        reason: `inputResponses.${key.slice(0, 100)} must be an object`,
      });
    read.set(key, value);
  }
  return read;
}

function digest(target: CallTarget): string {
  return createHash('sha256')
    .update(`${target.server}\u0000${target.method}\u0000${target.originalName ?? ''}`)
    .digest('base64url')
    .slice(0, 22);
}
