import { isObject, textOf } from '../../conversation/json.ts';
import { LlmFailure, type FailureKind } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { kindOfStatus, parseErrorBody, retryAfterOf, shortText } from '../../conversation/provider-error.ts';

const KINDS: Readonly<Record<string, FailureKind>> = {
  invalid_request_error: 'invalid',
  authentication_error: 'auth',
  billing_error: 'quota',
  permission_error: 'forbidden',
  not_found_error: 'not-found',
  request_too_large: 'too-large',
  rate_limit_error: 'rate-limit',
  api_error: 'upstream',
  timeout_error: 'timeout',
  overloaded_error: 'overloaded',
};

const TYPES: Readonly<Record<FailureKind, string>> = {
  invalid: 'invalid_request_error',
  auth: 'authentication_error',
  forbidden: 'permission_error',
  'not-found': 'not_found_error',
  'too-large': 'request_too_large',
  'rate-limit': 'rate_limit_error',
  quota: 'billing_error',
  'context-length': 'invalid_request_error',
  'content-policy': 'invalid_request_error',
  overloaded: 'overloaded_error',
  timeout: 'timeout_error',
  cut: 'api_error',
  unreachable: 'api_error',
  upstream: 'api_error',
  internal: 'api_error',
};

/** The status that goes with an error inside a stream, where there is none. */
const STATUSES: Readonly<Partial<Record<FailureKind, number>>> = {
  invalid: 400,
  auth: 401,
  quota: 402,
  forbidden: 403,
  'not-found': 404,
  'too-large': 413,
  'rate-limit': 429,
  timeout: 504,
  overloaded: 529,
  'context-length': 400,
  'content-policy': 400,
};

const CONTEXT_LENGTH =
  /prompt is too long|exceeds? (?:the )?context (?:window|limit|length)|context window|maximum context/i;
const QUOTA = /credit balance|billing|insufficient (?:balance|quota|credit)/i;
const POLICY = /content filter|usage policy|content policy/i;
/** The member that a message begins with: `messages.0.content: …`. */
const PARAM = /^([a-z_]+(?:\.[\w-]+)*): /;

/** A provider's error answer. */
export function readError(
  status: number,
  headers: Readonly<Record<string, string | undefined>>,
  body: Buffer,
): LlmFailure {
  const parsed = parseErrorBody(body);
  const { type, message } = errorOf(parsed);
  const text = message ?? shortText(body, status);
  return new LlmFailure(kindOf(status, type, text), text, {
    status,
    param: PARAM.exec(text)?.[1],
    code: type,
    retryAfterMs: retryAfterOf(headers, text),
    raw: { format: 'messages', status, body },
  });
}

/** An error event in a stream: `{"type":"error","error":{…}}`, and what imitators make of it. */
export function readErrorEvent(data: JsonObject): LlmFailure {
  const { type, message } = errorOf(data);
  const text = message ?? 'The provider broke the stream off without a reason.';
  const kind = kindOf(0, type, text);
  return new LlmFailure(kind, text, {
    status: STATUSES[kind] ?? 502,
    param: PARAM.exec(text)?.[1],
    code: type,
    retryAfterMs: retryAfterOf({}, text),
    raw: { format: 'messages', status: STATUSES[kind] ?? 502, body: Buffer.from(JSON.stringify(data)) },
  });
}

/** The body of an error answer, and the data of an error event. */
export function writeError(failure: LlmFailure): JsonObject {
  return { type: 'error', error: { type: TYPES[failure.kind], message: messageOf(failure) } };
}

function messageOf({ kind, message, param }: LlmFailure): string {
  // Claude Code shortens the conversation when it reads these words.
  if (kind === 'context-length' && !/prompt is too long/i.test(message))
    return `prompt is too long: ${message}`;
  if (param === undefined) return message;
  // As Anthropic writes paths.
  const path = param.replaceAll(/\[(\d+)\]/g, '.$1');
  const said = message.replaceAll(param, path);
  return said.includes(path) ? said : `${path}: ${said}`;
}

function errorOf(body: Json | undefined): { type: string | undefined; message: string | undefined } {
  const error = isObject(body) ? (body['error'] ?? body) : undefined;
  if (typeof error === 'string') return { type: undefined, message: error };
  if (!isObject(error)) return { type: undefined, message: undefined };
  const type = textOf(error['type']) ?? textOf(error['code']);
  return {
    type: type === 'error' ? undefined : type,
    message: textOf(error['message']) ?? textOf(error['detail']),
  };
}

function kindOf(status: number, type: string | undefined, message: string): FailureKind {
  const named = type === undefined ? undefined : KINDS[type];
  const kind = named ?? kindOfStatus(status);
  if (kind === 'invalid' || kind === 'too-large' || kind === 'upstream') {
    if (CONTEXT_LENGTH.test(message)) return 'context-length';
    if (kind === 'invalid' && QUOTA.test(message)) return 'quota';
    if (kind === 'invalid' && POLICY.test(message)) return 'content-policy';
  }
  return kind;
}
