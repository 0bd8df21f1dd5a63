import type { IncomingHttpHeaders } from 'node:http';
import { type ErrorCode, ERRORS, GatewayError } from '../core/errors.ts';
import type { InProcessServer, MessageSender } from './mcp-ports.ts';
import { errorMessage, errorObject } from './wire/compose.ts';
import { classify } from './wire/era.ts';
import { type RpcMessage, readMessage, readMessages } from './wire/message.ts';
import { validateModern } from './wire/modern/validate.ts';

/** What answers one POST. Without a body when the message was a notification. */
export interface PostAnswer {
  readonly status: number;
  readonly body: Buffer | undefined;
}

/**
 * Answers one POST of streamable HTTP for a server without sessions, in both eras, with the statuses that each asks for (2025-11-25 and
 * 2026-07-28, Transports). Notifications are taken and not passed on: without a session nobody knows whose request they mean, and a
 * client that goes away is the way to cancel. Rejects only with what the server itself throws.
 */
export async function answerPost(
  server: InProcessServer,
  body: Buffer,
  headers: IncomingHttpHeaders,
  signal: AbortSignal,
  sender: MessageSender = {},
): Promise<PostAnswer> {
  let modern: boolean;
  let messages: readonly RpcMessage[];
  try {
    ({ modern, messages } = place(body, headers));
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return {
      status: error.status === 200 ? 400 : error.status,
      body: errorMessage(idOf(body), errorObject(error)),
    };
  }
  if (!messages.some((message) => message.kind === 'request')) return { status: 202, body: undefined };
  const answer = await server.handle(body, signal, sender);
  if (answer === undefined) return { status: 202, body: undefined };
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  return { status: modern ? modernStatus(bytes) : 200, body: bytes };
}

function place(
  body: Buffer,
  headers: IncomingHttpHeaders,
): { readonly modern: boolean; readonly messages: readonly RpcMessage[] } {
  const { batch, messages } = readMessages(body);
  const first = messages[0]!;
  const version = headers['mcp-protocol-version'];
  const { era } = classify(first, typeof version === 'string' ? version : undefined);
  if (era === 'legacy') return { modern: false, messages };
  if (batch) throw new GatewayError('rpc-invalid', { reason: 'protocol revision 2026-07-28 has no batches' });
  if (first.kind === 'result' || first.kind === 'error') {
    throw new GatewayError('rpc-invalid', {
      reason: 'protocol revision 2026-07-28 has no responses from clients',
    });
  }
  validateModern(first, headers);
  return { modern: true, messages };
}

/** The id of a request that was refused for what stands around it, so that its sender can tell which one. */
function idOf(body: Buffer): Buffer | undefined {
  try {
    const message = readMessage(body);
    return message.kind === 'request' ? message.idBytes : undefined;
  } catch {
    return undefined;
  }
}

/** The HTTP status of an answer in the modern era: errors have their own, results 200. */
function modernStatus(answer: Buffer): number {
  const message = readMessage(answer);
  if (message.kind !== 'error') return 200;
  const { lanport } = (message.error.value('data') ?? {}) as { readonly lanport?: ErrorCode };
  return lanport === undefined ? 200 : ERRORS[lanport].status;
}
