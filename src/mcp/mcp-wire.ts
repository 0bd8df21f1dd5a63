import type { ErrorCode } from '../core/errors.ts';
import { readCapabilities } from './wire/capabilities.ts';
import {
  errorMessage,
  resultMessage,
  resultParts,
  toolErrorResult as legacyToolError,
} from './wire/compose.ts';
import { errorFor, resultFor } from './wire/result.ts';
import type { ClientFacts } from './downstream/sessions.ts';
import type { ServerReply } from './upstream/connection.ts';
import type { RpcRequest } from './wire/message.ts';
import { type Era, negotiateLegacy } from './wire/revisions.ts';

export type { Inbound } from './downstream/receive.ts';
export { type Place, Replay } from './downstream/replay.ts';
export { ReplyStream } from './downstream/reply-stream.ts';
export type { Session } from './downstream/sessions.ts';
export {
  completionTarget,
  type CallTarget,
  namedTarget,
  unknownTarget,
} from './calls/target.ts';
export {
  errorMessage,
  errorObject,
  notificationMessage,
  objectText,
  resultMessage,
  resultParts,
  withMember,
  withoutMembers,
} from './wire/compose.ts';
export { logLevel, LOG_LEVELS } from './wire/log-level.ts';
export {
  BATCH_MESSAGES_MAX,
  idIn,
  readMessages,
  type RpcMessage,
  type RpcNotification,
  type RpcReply,
  type RpcRequest,
} from './wire/message.ts';
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

const MISSING_CAPABILITY = -32021;
const METHOD_UNKNOWN = -32601;

/** Results of more bytes are not copied into their message. */
const COPIED_BYTES_MAX = 64 * 1024;

/**
 * A server's reply as the client's own: its id, its era, every other byte as the server sent it or as `expose` writes it. A large one comes
 * in parts.
 */
export function replyMessage(
  idBytes: Buffer,
  { reply, era: serverEra }: ServerReply,
  era: Era,
  method: string,
  expose: (result: Buffer) => Buffer,
): { readonly status: number; readonly message: Buffer | readonly Buffer[]; readonly isError: boolean } {
  if (reply.kind === 'error') {
    return {
      status: era === 'modern' ? modernStatus(reply.error.value('code')) : 200,
      message: errorMessage(idBytes, errorFor(era, serverEra, reply.error)),
      isError: true,
    };
  }
  const { result } = reply;
  const isError = result.slice('isError')?.[0] === 0x74;
  const text = expose(resultFor(era, serverEra, method, result));
  const message = text.length > COPIED_BYTES_MAX ? resultParts(idBytes, text) : resultMessage(idBytes, text);
  return { status: 200, message, isError };
}

/** HTTP status of an error reply (2026-07-28, "Error codes"). */
function modernStatus(code: unknown): number {
  if (code === MISSING_CAPABILITY) return 400;
  return code === METHOD_UNKNOWN ? 404 : 200;
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

/** What the client that sends `initialize` says of itself. */
export function clientFacts(request: RpcRequest): ClientFacts {
  const info = request.params?.child('clientInfo');
  const name = info?.string('name');
  return {
    revision: initializeRevision(request),
    client: name === undefined ? undefined : `${name}/${info?.string('version') ?? '?'}`,
    capabilities: readCapabilities(request.params?.slice('capabilities')),
  };
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
