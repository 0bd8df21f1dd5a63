import type { Cancellation } from '../../core/cancellation.ts';
import type { GatewayError } from '../../core/errors.ts';
import type { Caller } from '../mcp-caller.ts';
import type { RpcNotification, RpcReply, RpcRequest } from '../wire/message.ts';
import type { HeaderLine, OutboundRequest } from './transport.ts';

/** Milliseconds that a person may take to answer a question; meanwhile no other deadline of the call runs. */
export const ANSWER_MS = 10 * 60_000;
/** Bound of the transports, far beyond every deadline that is kept here. */
const TRANSPORT_MS = 24 * 60 * 60_000;

export interface CallDeadlines {
  /** Milliseconds without an answer or progress. */
  readonly idleMs: number;
  /** Milliseconds in all. */
  readonly totalMs: number;
  /** Told while the call waits for a person, so that others have its place meanwhile. */
  readonly gate?: { pause(): void; resume(): void };
}

/** One request of a client's on its way through one connection. A class, because one is made for every call. */
export class ActiveCall implements OutboundRequest {
  readonly id: number;
  readonly method: string;
  readonly message: Buffer;
  readonly headers: readonly HeaderLine[];
  readonly timeoutMs = TRANSPORT_MS;
  readonly caller: Caller;
  readonly #idleMs: number;
  readonly #totalMs: number;
  readonly #gate: CallDeadlines['gate'];
  readonly #onRelated: (call: ActiveCall, message: RpcNotification | RpcRequest) => void;
  /** Monotonic milliseconds. */
  #idleDeadline: number;
  #totalDeadline: number;
  #askedAt = 0;
  #questions = 0;
  /** Seconds that were waited, once a deadline has passed. */
  expiredAfterMs: number | undefined;
  #wasAsked = false;
  #refused: GatewayError | undefined;

  constructor(
    id: number,
    method: string,
    message: Buffer,
    headers: readonly HeaderLine[],
    caller: Caller,
    deadlines: CallDeadlines,
    nowMs: number,
    onRelated: (call: ActiveCall, message: RpcNotification | RpcRequest) => void,
  ) {
    this.id = id;
    this.method = method;
    this.message = message;
    this.headers = headers;
    this.caller = caller;
    this.#idleMs = deadlines.idleMs;
    this.#totalMs = deadlines.totalMs;
    this.#gate = deadlines.gate;
    this.#idleDeadline = nowMs + deadlines.idleMs;
    this.#totalDeadline = nowMs + deadlines.totalMs;
    this.#onRelated = onRelated;
  }

  get cancellation(): Cancellation {
    return this.caller.cancellation;
  }

  get principalId(): string {
    return this.caller.principalId;
  }

  related(message: RpcNotification | RpcRequest): void {
    this.#onRelated(this, message);
  }

  /** Something came that shows that the server works on it. */
  progressed(nowMs: number): void {
    this.#idleDeadline = nowMs + this.#idleMs;
  }

  /** A question was passed on to the client: from here on it waits for a person. */
  questionAsked(nowMs: number): void {
    this.#wasAsked = true;
    if (this.#questions++ > 0) return;
    this.#askedAt = nowMs;
    this.#gate?.pause();
  }

  questionAnswered(nowMs: number): void {
    if (--this.#questions > 0) return;
    this.#gate?.resume();
    this.#idleDeadline = nowMs + this.#idleMs;
    this.#totalDeadline += nowMs - this.#askedAt;
  }

  /** Gives the call up when a deadline has passed. */
  check(nowMs: number): void {
    if (this.#questions > 0) {
      if (nowMs - this.#askedAt > ANSWER_MS) this.#expire(ANSWER_MS);
      return;
    }
    if (nowMs >= this.#idleDeadline) this.#expire(this.#idleMs);
    else if (nowMs >= this.#totalDeadline) this.#expire(this.#totalMs);
  }

  /** Whether a question of its is open. */
  get isAsking(): boolean {
    return this.#questions > 0;
  }

  /** A question of the server's needed what the client did not declare. */
  refused(failure: GatewayError): void {
    this.#refused ??= failure;
  }

  /** What the client lacked, when the call came to nothing without it (2026-07-28, "Error codes", -32021). */
  lackOf(reply: RpcReply): GatewayError | undefined {
    if (this.#refused === undefined || this.#wasAsked || this.caller.era === 'legacy') return undefined;
    const failed = reply.kind === 'error' || reply.result.value('isError') === true;
    return failed ? this.#refused : undefined;
  }

  #expire(afterMs: number): void {
    this.expiredAfterMs = afterMs;
    this.caller.cancellation.cancel(`no answer within ${afterMs / 1_000} s`);
  }
}
