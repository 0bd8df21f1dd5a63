import type { ErrorCode } from '../core/errors.ts';
import {
  resultMessage,
  toolErrorResult as legacyToolError,
  withMember,
  withoutMembers,
} from './wire/compose.ts';
import { errorMessage } from './wire/compose.ts';
import type { RpcReply, RpcRequest } from './wire/message.ts';
import { type Era, negotiateLegacy } from './wire/revisions.ts';

export type { Inbound } from './downstream/receive.ts';
export { errorMessage, errorObject, resultMessage, resultParts } from './wire/compose.ts';
export { idIn, readMessages, type RpcMessage, type RpcReply, type RpcRequest } from './wire/message.ts';
export { ASSUMED_LEGACY, type Era, LATEST_MODERN } from './wire/revisions.ts';

/** The messages of a batch as one body. */
export function batchMessage(messages: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from('[')];
  for (const [at, message] of messages.entries()) {
    if (at > 0) parts.push(Buffer.from(','));
    parts.push(message);
  }
  parts.push(Buffer.from(']'));
  return Buffer.concat(parts);
}

/** A call needs a capability that the client did not declare; HTTP 400 (2026-07-28, "Error codes"). */
const MISSING_CAPABILITY = -32021;

/** Members of a modern result that a legacy client does not know and that hold for the upstream hop only. */
const MODERN_ONLY: ReadonlySet<string> = new Set(['resultType', 'ttlMs', 'cacheScope']);

/** A server's reply as the client's own: its id, its era, every other byte as the server sent it. */
export function replyMessage(
  idBytes: Buffer,
  reply: RpcReply,
  era: Era,
): { readonly status: number; readonly message: Buffer; readonly isError: boolean } {
  if (reply.kind === 'error') {
    const code = reply.error.value('code');
    const status = era === 'modern' && code === MISSING_CAPABILITY ? 400 : 200;
    return {
      status,
      message: errorMessage(idBytes, reply.error.bytes.subarray(reply.error.start, reply.error.end)),
      isError: true,
    };
  }
  const { result } = reply;
  const isError = result.slice('isError')?.[0] === 0x74;
  if (era === 'legacy')
    return {
      message: resultMessage(
        idBytes,
        withoutMembers(result, (key) => MODERN_ONLY.has(key)),
      ),
      isError,
      status: 200,
    };
  const body = result.has('resultType')
    ? result.bytes.subarray(result.start, result.end)
    : withMember(result, '"resultType":"complete"');
  return { status: 200, message: resultMessage(idBytes, body), isError };
}

/** JSON text of a tool result that tells the model what went wrong, in the client's era. */
export function toolErrorResult(text: string, code: ErrorCode, era: Era): Buffer {
  const result = legacyToolError(text, code);
  return era === 'legacy'
    ? result
    : Buffer.concat([Buffer.from('{"resultType":"complete",'), result.subarray(1)]);
}

/** The revision in which a legacy client is answered. */
export function initializeRevision(request: RpcRequest): string {
  return negotiateLegacy(request.params?.string('protocolVersion'));
}

/** `name/version` of the client that sends `initialize`. */
export function clientOf(request: RpcRequest): string | undefined {
  const info = request.params?.child('clientInfo');
  const name = info?.string('name');
  return name === undefined ? undefined : `${name}/${info?.string('version') ?? '?'}`;
}

/** Whether an `Accept` header admits an event stream; one that is absent admits anything. */
export function acceptsSse(accept: string | undefined): boolean {
  return (
    accept === undefined ||
    accept.includes('text/event-stream') ||
    accept.includes('*/*') ||
    accept.includes('text/*')
  );
}
