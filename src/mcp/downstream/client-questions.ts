import { randomBytes } from 'node:crypto';
import type { Cancellation } from '../../core/cancellation.ts';
import { GatewayError } from '../../core/errors.ts';
import { notificationMessage } from '../wire/compose.ts';
import type { RpcReply } from '../wire/message.ts';

const OPEN_MAX = 10_000;

interface Open {
  readonly principalId: string;
  readonly resolve: (reply: RpcReply) => void;
}

/** Requests that were put to legacy clients, and whose replies are awaited. Ids are random, so that nobody can answer for another. */
export class ClientQuestions {
  readonly #open = new Map<string, Open>();

  get size(): number {
    return this.#open.size;
  }

  /** Sends a request with `send` and resolves with the client's reply. Rejects with `question-unanswerable` or `questions-limit`. */
  ask(
    principalId: string,
    method: string,
    params: Buffer | undefined,
    send: (message: Buffer) => boolean,
    cancellation: Cancellation,
  ): Promise<RpcReply> {
    if (this.#open.size >= OPEN_MAX)
      return Promise.reject(new GatewayError('questions-limit', { max: OPEN_MAX }));
    const id = `lanport-${randomBytes(12).toString('base64url')}`;
    return new Promise((resolve, reject) => {
      const giveUp = (reason: string): void => {
        if (!this.#open.delete(id)) return;
        const cancelled = Buffer.from(JSON.stringify({ requestId: id, reason }));
        send(notificationMessage('notifications/cancelled', cancelled));
        reject(new GatewayError('question-unanswerable', { reason }));
      };
      this.#open.set(id, {
        principalId,
        resolve: (reply) => {
          cancellation.off(giveUp);
          resolve(reply);
        },
      });
      const head = `{"jsonrpc":"2.0","id":"${id}","method":${JSON.stringify(method)}`;
      const message =
        params === undefined
          ? Buffer.from(`${head}}`)
          : Buffer.concat([Buffer.from(`${head},"params":`), params, Buffer.from('}')]);
      if (!send(message)) {
        this.#open.delete(id);
        reject(
          new GatewayError('question-unanswerable', {
            reason: 'the client has no stream open on which it could be asked (Accept: text/event-stream)',
          }),
        );
        return;
      }
      cancellation.on(giveUp);
    });
  }

  /** Takes a client's reply; what answers nothing of this principal's is left aside. */
  answer(reply: RpcReply, principalId: string): boolean {
    if (typeof reply.id !== 'string') return false;
    const open = this.#open.get(reply.id);
    if (open === undefined || open.principalId !== principalId) return false;
    this.#open.delete(reply.id);
    open.resolve(reply);
    return true;
  }
}
