import type { Cancellation } from '../../core/cancellation.ts';
import { GatewayError } from '../../core/errors.ts';
import { IdTable } from '../../core/id-table.ts';
import { pong } from '../wire/compose.ts';
import { brokenReplyId, type RpcMessage, type RpcReply, readMessages } from '../wire/message.ts';
import { UpstreamFailure } from './failure.ts';
import type { OutboundRequest, TransportEvents } from './transport.ts';

const SWEEP_MS = 250;

interface Pending {
  readonly id: number;
  readonly resolve: (reply: RpcReply) => void;
  readonly reject: (failure: UpstreamFailure) => void;
  readonly deadline: number;
  readonly timeoutMs: number;
  readonly onCancel: ((reason: string) => void) | undefined;
  readonly cancellation: Cancellation | undefined;
}

/**
 * Requests and replies on one shared two-way stream (stdio, HTTP+SSE): which reply belongs to whom, and deadlines. `ping` is answered
 * here; other requests of the server's are for the owner.
 */
export class Correlator {
  readonly #pending = new IdTable<Pending>();
  readonly #events: TransportEvents;
  readonly #answer: (message: Buffer) => void;
  readonly #cancel: (id: number, reason: string) => void;
  #sweep: NodeJS.Timeout | undefined;

  /** `answer` writes a message to the server; `cancel` tells it that nobody waits for `id` any more. */
  constructor(
    events: TransportEvents,
    answer: (message: Buffer) => void,
    cancel: (id: number, reason: string) => void,
  ) {
    this.#events = events;
    this.#answer = answer;
    this.#cancel = cancel;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Waits for the reply to `request`, which the caller writes right afterwards. */
  expect(request: OutboundRequest): Promise<RpcReply> {
    return new Promise((resolve, reject) => {
      const { cancellation } = request;
      const onCancel =
        cancellation === undefined
          ? undefined
          : (reason: string) => this.#giveUp(request.id, 'cancelled', reason);
      this.#pending.add({
        id: request.id,
        resolve,
        reject,
        deadline: performance.now() + request.timeoutMs,
        timeoutMs: request.timeoutMs,
        onCancel,
        cancellation,
      });
      if (onCancel !== undefined) cancellation!.on(onCancel);
      this.#sweep ??= setInterval(() => this.#expire(), SWEEP_MS).unref();
    });
  }

  /** Takes one message as the server wrote it. Text that is no message is reported as an oddity, and fails the request that it is meant for. */
  receive(bytes: Buffer): void {
    let messages: readonly RpcMessage[];
    try {
      messages = readMessages(bytes).messages;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.#events.onOddity(bytes.toString('utf8', 0, 200));
      const id = Number(brokenReplyId(bytes));
      this.fail(id, new UpstreamFailure('protocol', error.message));
      return;
    }
    for (const message of messages) this.#dispatch(message);
  }

  /** Fails one request that could not be written. */
  fail(id: number, failure: UpstreamFailure): void {
    this.#take(id)?.reject(failure);
  }

  /** Fails everything that is waiting. */
  failAll(make: () => UpstreamFailure): void {
    for (const { id } of this.#pending) this.#take(id)?.reject(make());
  }

  #dispatch(message: RpcMessage): void {
    switch (message.kind) {
      case 'result':
      case 'error': {
        const pending = this.#take(Number(message.id));
        if (pending === undefined) this.#events.onLateReply?.(Number(message.id));
        else pending.resolve(message);
        return;
      }
      case 'notification':
        this.#events.onNotification(message);
        return;
      case 'request':
        if (message.method === 'ping') this.#answer(pong(message));
        else this.#events.onRequest(message, this.#answer);
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.delete(id);
    if (pending === undefined) return undefined;
    if (pending.onCancel !== undefined) pending.cancellation!.off(pending.onCancel);
    if (this.#pending.size === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
    return pending;
  }

  #expire(): void {
    const now = performance.now();
    for (const { id, deadline, timeoutMs } of this.#pending) {
      if (deadline <= now) this.#giveUp(id, 'timeout', `no answer within ${timeoutMs / 1000} s`);
    }
  }

  #giveUp(id: number, kind: 'timeout' | 'cancelled', reason: string): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    this.#cancel(id, reason);
    pending.reject(new UpstreamFailure(kind, reason));
  }
}
