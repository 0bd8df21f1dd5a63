import { LlmFailure, type FailureKind } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { isObject, objectOf, textOf } from './json-members.ts';

const MESSAGE_CHARACTERS_MAX = 2000;
/** As much of a message as is searched for a time to wait. */
const SEARCHED_CHARACTERS_MAX = 4000;
const TRY_AGAIN =
  /(?:try again|retry)(?: after| in)\s*(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)\s*(ms|s\b|sec))?/i;
const TOO_LONG = /context[ _](?:length|window)|maximum context|prompt is too long|too many input tokens/i;
const NO_MONEY = /insufficient[ _]quota|exceeded your current quota|billing|credit balance/i;

/** The provider's own words for what went wrong. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  context_length_exceeded: 'context-length',
  insufficient_quota: 'quota',
  billing_hard_limit_reached: 'quota',
  billing_not_active: 'quota',
  usage_limit_reached: 'quota',
  usage_not_included: 'quota',
  rate_limit_exceeded: 'rate-limit',
  rate_limit_error: 'rate-limit',
  tokens: 'rate-limit',
  requests: 'rate-limit',
  server_is_overloaded: 'overloaded',
  slow_down: 'overloaded',
  overloaded: 'overloaded',
  overloaded_error: 'overloaded',
  server_error: 'upstream',
  content_filter: 'content-policy',
  content_policy_violation: 'content-policy',
  image_content_policy_violation: 'content-policy',
  invalid_prompt: 'content-policy',
  bio_policy: 'content-policy',
  cyber_policy: 'content-policy',
  misalignment_policy_violation: 'content-policy',
  model_not_found: 'not-found',
  invalid_api_key: 'auth',
  authentication_error: 'auth',
  permission_error: 'forbidden',
  request_too_large: 'too-large',
};

const STATUS_KINDS: Readonly<Record<number, FailureKind>> = {
  401: 'auth',
  402: 'quota',
  403: 'forbidden',
  404: 'not-found',
  408: 'timeout',
  413: 'too-large',
  429: 'rate-limit',
  503: 'overloaded',
  504: 'timeout',
  529: 'overloaded',
};

/** Statuses for failures that came without one, inside a stream. */
const STATUSES: Readonly<Record<FailureKind, number>> = {
  invalid: 400,
  auth: 401,
  forbidden: 403,
  'not-found': 404,
  'too-large': 413,
  'rate-limit': 429,
  quota: 429,
  'context-length': 400,
  'content-policy': 400,
  overloaded: 503,
  timeout: 504,
  cut: 502,
  unreachable: 502,
  upstream: 502,
  internal: 500,
};

/** A provider's error answer: OpenAI's body, an imitation of it, HTML, or nothing. */
export function readError(
  status: number,
  headers: Readonly<Record<string, string | undefined>>,
  body: Buffer,
): LlmFailure {
  const error = parseError(body);
  const message = error?.message ?? `the provider answered ${status} without saying why`;
  return new LlmFailure(kindOf(status, error, message), message, {
    status: status >= 400 && status <= 599 ? status : 502,
    param: error?.param,
    code: error?.code ?? error?.type,
    retryAfterMs: retryAfter(headers) ?? waitIn(message),
    raw: { format: 'responses', status, body },
  });
}

/** The failure that a stream or a response object tells of: `error` as it stands there. */
export function readStreamError(error: Json | undefined): LlmFailure {
  const said = errorOf(error) ?? { message: 'the provider failed without saying why' };
  const message = said.message ?? 'the provider failed without saying why';
  const kind = kindOf(undefined, said, message);
  return new LlmFailure(kind, message, {
    status: STATUSES[kind],
    param: said.param,
    code: said.code ?? said.type,
    retryAfterMs: waitIn(message),
  });
}

interface SaidError {
  readonly message?: string | undefined;
  readonly type?: string | undefined;
  readonly code?: string | undefined;
  readonly param?: string | undefined;
}

function parseError(body: Buffer): SaidError | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    return undefined;
  }
  // Some imitators wrap the object in a list.
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (!isObject(first)) return undefined;
  return errorOf(first['error'] ?? first['detail'] ?? first);
}

function errorOf(error: Json | undefined): SaidError | undefined {
  if (typeof error === 'string') return { message: cut(error) };
  if (!isObject(error)) return undefined;
  const code = error['code'];
  const message = textOf(error['message']) ?? textOf(error['detail']);
  return {
    message: message === undefined ? undefined : cut(message),
    type: textOf(error['type']),
    code: typeof code === 'number' ? String(code) : textOf(code),
    param: textOf(error['param']),
  };
}

function cut(message: string): string {
  return message.length > MESSAGE_CHARACTERS_MAX ? `${message.slice(0, MESSAGE_CHARACTERS_MAX)}…` : message;
}

function kindOf(status: number | undefined, error: SaidError | undefined, message: string): FailureKind {
  const byWord = KINDS[error?.code ?? ''] ?? KINDS[error?.type ?? ''];
  if (byWord === 'rate-limit' && NO_MONEY.test(message)) return 'quota';
  if (byWord !== undefined) return byWord;
  if (status === 429 && NO_MONEY.test(message)) return 'quota';
  const isRefused = status === 400 || status === 413 || status === 422 || status === undefined;
  if (isRefused && TOO_LONG.test(message)) return 'context-length';
  const byStatus = status === undefined ? undefined : STATUS_KINDS[status];
  if (byStatus !== undefined) return byStatus;
  if (status !== undefined && status >= 400 && status < 500) return 'invalid';
  return error?.type === 'invalid_request_error' ? 'invalid' : 'upstream';
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date, in milliseconds. */
function retryAfter(headers: Readonly<Record<string, string | undefined>>): number | undefined {
  const ms = Number(headers['retry-after-ms'] ?? Number.NaN);
  if (ms >= 0) return ms;
  const after = headers['retry-after'];
  if (after === undefined) return undefined;
  const seconds = Number(after);
  if (after.trim() !== '' && seconds >= 0) return seconds * 1000;
  const date = Date.parse(after);
  const now = Date.parse(headers['date'] ?? '');
  return Number.isNaN(date) || Number.isNaN(now) ? undefined : Math.max(0, date - now);
}

/** "try again in 1m2.5s", in milliseconds. */
function waitIn(message: string): number | undefined {
  const said = TRY_AGAIN.exec(message.slice(0, SEARCHED_CHARACTERS_MAX));
  if (said === null || (said[1] ?? said[2] ?? said[3]) === undefined) return undefined;
  const last = Number(said[3] ?? 0);
  return Math.ceil(
    Number(said[1] ?? 0) * 3_600_000 +
      Number(said[2] ?? 0) * 60_000 +
      (said[4] === 'ms' ? last : last * 1000),
  );
}

const TYPES: Partial<Record<FailureKind, string>> = {
  auth: 'authentication_error',
  forbidden: 'permission_error',
  'rate-limit': 'rate_limit_error',
  quota: 'insufficient_quota',
  overloaded: 'server_error',
  timeout: 'server_error',
  cut: 'server_error',
  unreachable: 'server_error',
  upstream: 'server_error',
  internal: 'server_error',
};

const CODES: Partial<Record<FailureKind, string>> = {
  auth: 'invalid_api_key',
  'not-found': 'not_found',
  'rate-limit': 'rate_limit_exceeded',
  quota: 'insufficient_quota',
  'context-length': 'context_length_exceeded',
  'content-policy': 'content_policy_violation',
  overloaded: 'server_is_overloaded',
};

/** What is not found, in words that say more than that. */
const OWN_CODES: ReadonlySet<string | undefined> = new Set([
  'model_not_found',
  'previous_response_not_found',
]);

/** The body of an error answer. An error that came in OpenAI's shape goes out as it came. */
export function writeError(failure: LlmFailure): JsonObject {
  const raw = rawError(failure);
  if (raw !== undefined) return raw;
  return {
    error: {
      message: failure.message,
      type: TYPES[failure.kind] ?? 'invalid_request_error',
      param: failure.param ?? null,
      code: OWN_CODES.has(failure.code) ? failure.code : (CODES[failure.kind] ?? failure.code ?? null),
    },
  };
}

function rawError({ raw }: LlmFailure): JsonObject | undefined {
  if (raw === undefined || (raw.format !== 'responses' && raw.format !== 'chat')) return undefined;
  try {
    const body: unknown = JSON.parse(raw.body.toString());
    return isObject(body) && objectOf(body['error']) !== undefined ? body : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The `error` of a failed response, in the words that clients act on: Codex tries again on every code that it does not know, gives up on
 * `invalid_prompt`, and reads from the text of `rate_limit_exceeded` when to try again.
 */
export function responseError(failure: LlmFailure): { code: string; message: string } {
  const { kind, message, retryAfterMs } = failure;
  switch (kind) {
    case 'context-length':
      return { code: 'context_length_exceeded', message };
    case 'quota':
      return { code: 'insufficient_quota', message };
    case 'rate-limit': {
      const isSaid = retryAfterMs === undefined || waitIn(message) !== undefined;
      const wait = isSaid ? '' : ` Please try again in ${(retryAfterMs / 1000).toFixed(3)}s.`;
      return { code: 'rate_limit_exceeded', message: message + wait };
    }
    case 'invalid':
    case 'too-large':
    case 'content-policy':
    case 'auth':
    case 'forbidden':
    case 'not-found':
      return { code: 'invalid_prompt', message };
    case 'overloaded':
    case 'timeout':
    case 'cut':
    case 'unreachable':
    case 'upstream':
    case 'internal':
      return { code: 'server_error', message };
  }
}
