import { isUtf8 } from 'node:buffer';
import { GatewayError } from '../../core/errors.ts';
import { firstByte, type JsonObject, JsonSyntaxError, scanArray, scanObject } from '../../core/json-scan.ts';

/** Depth to which a message's objects are indexed: the message, its params or result, and their `_meta`. */
const INDEX_DEPTH = 3;
/** First byte of `null`. */
const NULL = 0x6e;

export type RpcId = string | number;

interface Common {
  readonly object: JsonObject;
}

/** One JSON-RPC 2.0 message, checked, its parts left as bytes. https://www.jsonrpc.org/specification */
export type RpcMessage =
  | (Common & {
      readonly kind: 'request';
      readonly method: string;
      readonly id: RpcId;
      readonly idBytes: Buffer;
      readonly params: JsonObject | undefined;
    })
  | (Common & {
      readonly kind: 'notification';
      readonly method: string;
      readonly params: JsonObject | undefined;
    })
  | (Common & { readonly kind: 'result'; readonly id: RpcId; readonly result: JsonObject })
  | (Common & { readonly kind: 'error'; readonly id: RpcId | undefined; readonly error: JsonObject });

export type RpcRequest = Extract<RpcMessage, { kind: 'request' }>;
export type RpcNotification = Extract<RpcMessage, { kind: 'notification' }>;
export type RpcReply = Extract<RpcMessage, { kind: 'result' | 'error' }>;

/** Reads one message. Throws GatewayError `json-parse` or `rpc-invalid`. */
export function readMessage(bytes: Buffer): RpcMessage {
  if (!isUtf8(bytes)) throw new GatewayError('json-parse', { reason: 'bytes that are not UTF-8', offset: 0 });
  let object: JsonObject;
  try {
    object = scanObject(bytes, INDEX_DEPTH);
  } catch (error) {
    throw syntaxError(error);
  }
  return interpret(object);
}

/** The id of the request in `bytes`, as JSON text, when there is one to be found: an error answer should carry it. */
export function idIn(bytes: Buffer): Buffer | undefined {
  try {
    const object = scanObject(bytes, 1);
    return readId(object) === undefined ? undefined : object.slice('id');
  } catch {
    return undefined;
  }
}

/** The id of the reply that `bytes` are meant to be, when they are none: a result that is no object, for instance. */
export function brokenReplyId(bytes: Buffer): RpcId | undefined {
  try {
    const object = scanObject(bytes, 1);
    return object.has('method') ? undefined : readId(object);
  } catch {
    return undefined;
  }
}

/** Messages that a batch of a client may have. */
export const BATCH_MESSAGES_MAX = 100;

/** Reads one message, or the messages of a batch (2025-03-26 only; the caller decides whether it takes them, and how many). */
export function readMessages(
  bytes: Buffer,
  messagesMax = Infinity,
): {
  readonly batch: boolean;
  readonly messages: readonly RpcMessage[];
} {
  if (firstByte(bytes) !== 0x5b) return { batch: false, messages: [readMessage(bytes)] };
  if (!isUtf8(bytes)) throw new GatewayError('json-parse', { reason: 'bytes that are not UTF-8', offset: 0 });
  let elements: Buffer[];
  try {
    elements = scanArray(bytes);
  } catch (error) {
    throw syntaxError(error);
  }
  if (elements.length === 0) throw new GatewayError('rpc-invalid', { reason: 'an empty batch' });
  if (elements.length > messagesMax)
    throw new GatewayError('rpc-invalid', { reason: `a batch of more than ${messagesMax} messages` });
  return { batch: true, messages: elements.map(readMessage) };
}

function syntaxError(error: unknown): unknown {
  if (!(error instanceof JsonSyntaxError)) return error;
  return error.reason === 'expected an object'
    ? new GatewayError('rpc-invalid', { reason: 'the body is not an object' }, { cause: error })
    : new GatewayError('json-parse', { reason: error.reason, offset: error.offset }, { cause: error });
}

function interpret(object: JsonObject): RpcMessage {
  if (object.string('jsonrpc') !== '2.0')
    throw new GatewayError('rpc-invalid', { reason: '"jsonrpc" must be "2.0"' });
  const method = object.string('method');
  if (method === undefined) {
    if (object.has('method')) throw new GatewayError('rpc-invalid', { reason: '"method" must be a string' });
    return reply(object);
  }
  const params = object.child('params');
  // Some write members that they leave out as null.
  if (params === undefined && object.has('params') && object.slice('params')?.[0] !== NULL)
    throw new GatewayError('rpc-invalid', { reason: '"params" must be an object' });
  if (!object.has('id')) return { kind: 'notification', object, method, params };
  const id = readId(object);
  if (id === undefined)
    throw new GatewayError('rpc-invalid', { reason: '"id" must be a string or an integer' });
  return { kind: 'request', object, method, id, idBytes: object.slice('id')!, params };
}

function reply(object: JsonObject): RpcReply {
  const result = object.child('result');
  const id = readId(object);
  if (result !== undefined) {
    if (id === undefined) throw new GatewayError('rpc-invalid', { reason: 'a result without an id' });
    return { kind: 'result', object, id, result };
  }
  const error = object.child('error');
  if (error === undefined)
    throw new GatewayError('rpc-invalid', { reason: 'neither "method" nor an object "result" or "error"' });
  return { kind: 'error', object, id, error };
}

/** The id, or `undefined` when it is absent, null or of a type that MCP does not allow. */
function readId(object: JsonObject): RpcId | undefined {
  const slice = object.slice('id');
  if (slice === undefined) return undefined;
  const first = slice[0];
  if (first === 0x22) return object.string('id');
  if (first === 0x2d || (first !== undefined && first >= 0x30 && first <= 0x39)) {
    const number = Number(slice.toString('latin1'));
    return Number.isInteger(number) ? number : undefined;
  }
  return undefined;
}
