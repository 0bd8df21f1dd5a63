import { type ErrorCode, ERRORS, type GatewayError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json-scan.ts';

/** Writing JSON-RPC messages around bytes that are passed on as they came. */

const RESULT_HEAD = Buffer.from('{"jsonrpc":"2.0","id":');
const RESULT_MIDDLE = Buffer.from(',"result":');
const ERROR_MIDDLE = Buffer.from(',"error":');
const CLOSE = Buffer.from('}');
const OPEN = Buffer.from('{');
const COMMA = Buffer.from(',');

/** A response with `id` and `result`, both JSON text. */
export function resultMessage(idBytes: Buffer, result: Buffer): Buffer {
  return Buffer.concat([RESULT_HEAD, idBytes, RESULT_MIDDLE, result, CLOSE]);
}

/** The answer to a `ping`. */
export function pong({ idBytes }: { readonly idBytes: Buffer }): Buffer {
  return resultMessage(idBytes, NOTHING);
}

/** The same in parts, for results so large that copying them would cost more than all else. */
export function resultParts(idBytes: Buffer, result: Buffer): readonly Buffer[] {
  return [RESULT_HEAD, idBytes, RESULT_MIDDLE, result, CLOSE];
}

/** An error response; without an id when the request's id is not known. `error` is the JSON text of the error object. */
export function errorMessage(idBytes: Buffer | undefined, error: Buffer): Buffer {
  return Buffer.concat([RESULT_HEAD, idBytes ?? NULL, ERROR_MIDDLE, error, CLOSE]);
}

const NULL = Buffer.from('null');
const NOTHING = Buffer.from('{}');

/** A request with our own numeric id. `params` is JSON text or absent. */
export function requestMessage(id: number, method: string, params: Buffer | undefined): Buffer {
  const head = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}`;
  return params === undefined
    ? Buffer.from(`${head}}`)
    : Buffer.concat([Buffer.from(`${head},"params":`), params, CLOSE]);
}

export function notificationMessage(method: string, params?: Buffer): Buffer {
  const head = `{"jsonrpc":"2.0","method":${JSON.stringify(method)}`;
  return params === undefined
    ? Buffer.from(`${head}}`)
    : Buffer.concat([Buffer.from(`${head},"params":`), params, CLOSE]);
}

/** The JSON text of an error object for a GatewayError. */
export function errorObject(error: GatewayError, code: number = error.rpcCode): Buffer {
  return Buffer.from(
    JSON.stringify(
      {
        code,
        message: error.message,
        data: { ...error.data, lanport: error.code, retryable: error.retryable },
      },
      wellFormed,
    ),
  );
}

/** Texts are cut, and clients write what they like: half of a surrogate pair in an escape is JSON that strict readers refuse (RFC 8259, section 8.2). */
function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value;
}

/** The JSON text of a tool result that tells the model what went wrong. `code` goes into `_meta` for programs. */
export function toolErrorResult(text: string, code: ErrorCode): Buffer {
  return Buffer.from(
    JSON.stringify(
      {
        content: [{ type: 'text', text }],
        isError: true,
        _meta: { 'lanport/error': code, 'lanport/retryable': ERRORS[code].retryable },
      },
      wellFormed,
    ),
  );
}

/** An object's text from (name, JSON text) pairs; pairs without text are left out. */
export function objectText(members: readonly (readonly [string, Buffer | undefined])[]): Buffer {
  const parts: Buffer[] = [OPEN];
  for (const [name, value] of members) {
    if (value === undefined) continue;
    if (parts.length > 1) parts.push(COMMA);
    parts.push(Buffer.from(`${JSON.stringify(name)}:`), value);
  }
  parts.push(CLOSE);
  return Buffer.concat(parts);
}

/**
 * The object's text without the members that `drop` names, and with another value for the one that `changed` names: none when that is an
 * empty object. The very same bytes when there is nothing to do.
 */
export function withoutMembers(
  object: JsonObject,
  drop: (key: string) => boolean,
  changed?: readonly [name: string, value: Buffer],
): Buffer {
  const whole = object.bytes.subarray(object.start, object.end);
  if (changed === undefined && !object.keys.some(drop)) return whole;
  const parts: Buffer[] = [OPEN];
  for (let at = 0; at < object.keys.length; at++) {
    const key = object.keys[at]!;
    if (drop(key) || object.isVoid(at)) continue;
    const value = key === changed?.[0] ? changed[1] : object.sliceAt(at);
    if (value === changed?.[1] && value.length <= OPEN.length + CLOSE.length) continue;
    if (parts.length > 1) parts.push(COMMA);
    parts.push(Buffer.from(`${JSON.stringify(key)}:`), value);
  }
  parts.push(CLOSE);
  return Buffer.concat(parts);
}

/** The object's text with one member more in front. `member` is JSON text of the form `"name":value`. */
export function withMember(object: JsonObject, member: string): Buffer {
  const rest = object.bytes.subarray(object.start + 1, object.end);
  return Buffer.concat([Buffer.from(object.keys.length === 0 ? `{${member}` : `{${member},`), rest]);
}

/** `whole` with the bytes of one member's value replaced. */
export function withValue(object: JsonObject, key: string, value: Buffer): Buffer {
  const at = object.indexOf(key);
  if (at < 0) throw new Error(`no member ${key} to replace`);
  return Buffer.concat([
    object.bytes.subarray(object.start, object.startOf(at)),
    value,
    object.bytes.subarray(object.endOf(at), object.end),
  ]);
}
