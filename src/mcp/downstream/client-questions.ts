import { randomBytes } from 'node:crypto';
import { GatewayError } from '../../core/errors.ts';
import { scanObject } from '../../core/json-scan.ts';
import type { Question } from '../mcp-caller.ts';
import { notificationMessage, withValue } from '../wire/compose.ts';
import type { RpcNotification, RpcReply } from '../wire/message.ts';
import type { Session } from './sessions.ts';

const OPEN_MAX = 10_000;
/** Milliseconds that a person may take to answer. */
export const ANSWER_MS = 10 * 60_000;

interface Open {
  readonly principalId: string;
  readonly resolve: (reply: RpcReply) => void;
  readonly onProgress: Question['onProgress'];
}

/** Requests that were put to legacy clients, and whose replies are awaited. Ids are random, so that nobody can answer for another. */
export class ClientQuestions {
  readonly #open = new Map<string, Open>();

  get size(): number {
    return this.#open.size;
  }

  /** Sends a request with `send` and resolves with the client's reply. Rejects with `question-unanswerable` or `questions-limit`. */
  ask(
    who: { readonly principalId: string; readonly session: Session | undefined },
    { method, params, cancellation, onProgress }: Omit<Question, 'key'>,
    send: (message: Buffer) => boolean,
  ): Promise<RpcReply> {
    if (this.#open.size >= OPEN_MAX)
      return Promise.reject(new GatewayError('questions-limit', { max: OPEN_MAX }));
    const id = `lanport-${randomBytes(12).toString('base64url')}`;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        cancellation.off(giveUp);
        who.session?.onEnd.delete(leave);
      };
      const giveUp = (reason: string): void => {
        if (!this.#open.delete(id)) return;
        end();
        const cancelled = Buffer.from(JSON.stringify({ requestId: id, reason }));
        send(notificationMessage('notifications/cancelled', cancelled));
        reject(new GatewayError('question-unanswerable', { reason }));
      };
      const leave = (): void => giveUp('the session ended');
      const timer = setTimeout(
        () => giveUp(`nobody answered within ${ANSWER_MS / 60_000} minutes`),
        ANSWER_MS,
      );
      timer.unref();
      who.session?.onEnd.add(leave);
      this.#open.set(id, {
        principalId: who.principalId,
        resolve: (reply) => {
          end();
          resolve(reply);
        },
        onProgress,
      });
      const head = `{"jsonrpc":"2.0","id":"${id}","method":${JSON.stringify(method)}`;
      const message =
        params === undefined
          ? Buffer.from(`${head}}`)
          : Buffer.concat([Buffer.from(`${head},"params":`), withToken(params, id), Buffer.from('}')]);
      if (!send(message)) {
        this.#open.delete(id);
        end();
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

  /** Takes what a client reports of its progress with a question; what is about none of this principal's is left aside. */
  progress({ params }: RpcNotification, principalId: string): boolean {
    const open = this.#open.get(params?.string('progressToken') ?? '');
    if (params === undefined || open?.principalId !== principalId) return false;
    open.onProgress?.(params);
    return true;
  }
}

/** Params whose progress token is the question's own id: the servers' tokens are unique for each of them alone. */
function withToken(params: Buffer, id: string): Buffer {
  if (!params.includes(PROGRESS_TOKEN)) return params;
  const object = scanObject(params, 2);
  const meta = object.child('_meta');
  if (meta?.has('progressToken') !== true) return params;
  return withValue(object, '_meta', withValue(meta, 'progressToken', Buffer.from(JSON.stringify(id))));
}

const PROGRESS_TOKEN = Buffer.from('"progressToken"');
