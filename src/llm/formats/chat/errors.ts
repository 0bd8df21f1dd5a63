import { isList, isObject, textOf } from '../../conversation/json.ts';
import { type FailureKind, LlmFailure } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { kindOfStatus, parseErrorBody, retryAfterOf, shortText } from '../../conversation/provider-error.ts';

const MESSAGE_CHARS_MAX = 4000;

/** By `code` and `type`, as OpenAI and its imitators write them. */
const KINDS: Readonly<Record<string, FailureKind>> = {
  invalid_api_key: 'auth',
  authentication_error: 'auth',
  invalid_authentication: 'auth',
  permission_error: 'forbidden',
  permission_denied: 'forbidden',
  unsupported_country_region_territory: 'forbidden',
  model_not_found: 'not-found',
  not_found_error: 'not-found',
  not_found: 'not-found',
  insufficient_quota: 'quota',
  billing_not_active: 'quota',
  billing_hard_limit_reached: 'quota',
  insufficient_balance: 'quota',
  rate_limit_exceeded: 'rate-limit',
  rate_limit_error: 'rate-limit',
  resource_exhausted: 'rate-limit',
  tokens: 'rate-limit',
  requests: 'rate-limit',
  context_length_exceeded: 'context-length',
  string_above_max_length: 'invalid',
  content_filter: 'content-policy',
  content_policy_violation: 'content-policy',
  invalid_request_error: 'invalid',
  invalid_argument: 'invalid',
  server_error: 'upstream',
  internal_server_error: 'upstream',
  overloaded_error: 'overloaded',
  engine_overloaded: 'overloaded',
  service_unavailable: 'overloaded',
  timeout: 'timeout',
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
  overloaded: 503,
  'context-length': 400,
  'content-policy': 400,
};

const CONTEXT_LENGTH =
  /maximum context length|context[ _](?:window|length|size)|prompt is too long|input (?:is too long|length .{0,40}exceeds)|reduce the length of the (?:messages|prompt)|max_model_len|exceeds? the (?:model'?s )?(?:context|maximum number of tokens)/i;
const QUOTA =
  /insufficient (?:balance|quota|credits?|funds)|exceeded your current quota|credit balance|out of credits/i;
const POLICY = /content[ _](?:management |filter|policy)|safety system|usage policies/i;

interface Said {
  readonly message: string | undefined;
  readonly code: string | undefined;
  readonly type: string | undefined;
  readonly param: string | undefined;
  /** A status that the body names. */
  readonly status: number | undefined;
}

/** A provider's error answer. */
export function readError(
  status: number,
  headers: Readonly<Record<string, string | undefined>>,
  body: Buffer,
): LlmFailure {
  const said = saidIn(parseErrorBody(body));
  const message = said.message ?? shortText(body, status);
  return new LlmFailure(kindOf(status, said, message), message, {
    status,
    param: said.param,
    code: said.code ?? said.type,
    retryAfterMs: retryAfterOf(headers, message),
    raw: { format: 'chat', status, body },
  });
}

/** An error in the midst of a stream, or in a body with status 200: `{"error":{…}}`, and what imitators make of it. */
export function readErrorObject(value: JsonObject): LlmFailure {
  const said = saidIn(value);
  const message = said.message ?? 'The provider broke the answer off without a reason.';
  const named = said.status !== undefined && said.status >= 400 && said.status < 600 ? said.status : 0;
  const kind = kindOf(named, said, message);
  const status = named === 0 ? (STATUSES[kind] ?? 502) : named;
  return new LlmFailure(kind, message, {
    status,
    param: said.param,
    code: said.code ?? said.type,
    retryAfterMs: retryAfterOf({}, message),
    raw: { format: 'chat', status, body: Buffer.from(JSON.stringify(value)) },
  });
}

const NOTHING: Said = {
  message: undefined,
  code: undefined,
  type: undefined,
  param: undefined,
  status: undefined,
};

function saidIn(body: Json | undefined): Said {
  // Google's endpoint wraps the object in a list.
  const value = isList(body) ? body[0] : body;
  if (!isObject(value)) return typeof value === 'string' ? { ...NOTHING, message: cut(value) } : NOTHING;
  const error = value['error'] ?? value['errors'] ?? value['detail'] ?? value;
  if (typeof error === 'string') return { ...NOTHING, message: cut(error), code: textOf(value['code']) };
  if (isList(error)) return validation(error);
  if (!isObject(error)) return NOTHING;
  const { code, type, status, param } = error;
  return {
    message: messageIn(error),
    code: textOf(code)?.toLowerCase(),
    type: (textOf(type) ?? textOf(status))?.toLowerCase(),
    param: textOf(param),
    status: typeof code === 'number' ? code : typeof status === 'number' ? status : Number(code) || undefined,
  };
}

/** The message, with what the provider behind a go-between said (OpenRouter). */
function messageIn(error: JsonObject): string | undefined {
  const { message, metadata } = error;
  if (isObject(message)) return validation(isList(message['detail']) ? message['detail'] : []).message;
  const own = textOf(message) ?? textOf(error['detail']) ?? textOf(error['msg']);
  const raw = isObject(metadata) ? textOf(metadata['raw']) : undefined;
  if (own === undefined) return raw === undefined ? undefined : cut(raw);
  return cut(raw === undefined || raw === '' ? own : `${own}: ${raw}`);
}

/** FastAPI's list of what is wrong: `[{"loc":["body","messages",0],"msg":"…"}]`. */
function validation(list: readonly Json[]): Said {
  const first = list[0];
  if (typeof first === 'string') return { ...NOTHING, message: cut(first) };
  if (!isObject(first)) return NOTHING;
  const path = isList(first['loc']) ? first['loc'].filter((step) => step !== 'body') : [];
  const param = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  const message = textOf(first['msg']) ?? textOf(first['message']);
  return {
    ...NOTHING,
    message: message === undefined ? undefined : cut(message),
    param: param === '' ? undefined : param.replace(/^\./, ''),
  };
}

function cut(message: string): string {
  return message.length > MESSAGE_CHARS_MAX ? `${message.slice(0, MESSAGE_CHARS_MAX)}…` : message;
}

function kindOf(status: number, { code, type }: Said, message: string): FailureKind {
  const named = KINDS[code ?? ''] ?? KINDS[type ?? ''];
  const byStatus = status === 0 ? 'upstream' : kindOfStatus(status);
  // A 429 may be all of one word, or of the other.
  if (status === 429 || named === 'rate-limit')
    return named === 'quota' || QUOTA.test(message) ? 'quota' : 'rate-limit';
  const kind = named === undefined || (named === 'invalid' && byStatus !== 'upstream') ? byStatus : named;
  if (kind === 'invalid' || kind === 'too-large' || kind === 'upstream') {
    if (CONTEXT_LENGTH.test(message)) return 'context-length';
    if (QUOTA.test(message)) return 'quota';
    if (kind === 'invalid' && POLICY.test(message)) return 'content-policy';
  }
  return kind === 'upstream' && named === 'invalid' ? 'invalid' : kind;
}

const TYPES: Readonly<Record<FailureKind, string>> = {
  invalid: 'invalid_request_error',
  auth: 'authentication_error',
  forbidden: 'permission_error',
  'not-found': 'invalid_request_error',
  'too-large': 'invalid_request_error',
  'rate-limit': 'rate_limit_error',
  quota: 'insufficient_quota',
  'context-length': 'invalid_request_error',
  'content-policy': 'invalid_request_error',
  overloaded: 'server_error',
  timeout: 'server_error',
  cut: 'server_error',
  unreachable: 'server_error',
  upstream: 'server_error',
  internal: 'server_error',
};

const CODES: Readonly<Partial<Record<FailureKind, string>>> = {
  auth: 'invalid_api_key',
  'not-found': 'model_not_found',
  'rate-limit': 'rate_limit_exceeded',
  quota: 'insufficient_quota',
  'context-length': 'context_length_exceeded',
  'content-policy': 'content_policy_violation',
};

/** The body of an error answer, and the data of an error in a stream. An error that came in OpenAI's shape goes out as it came. */
export function writeError(failure: LlmFailure): JsonObject {
  return (
    rawError(failure) ?? {
      error: {
        message: failure.message,
        type: TYPES[failure.kind],
        param: failure.param ?? null,
        code: CODES[failure.kind] ?? failure.code ?? null,
      },
    }
  );
}

function rawError({ raw }: LlmFailure): JsonObject | undefined {
  if (raw === undefined || (raw.format !== 'chat' && raw.format !== 'responses')) return undefined;
  const body = parseErrorBody(raw.body);
  return isObject(body) && isObject(body['error']) && typeof body['error']['message'] === 'string'
    ? body
    : undefined;
}

/** The event that ends a stream with an error. The official SDKs throw on a chunk with `error`; `[DONE]` would look like a normal end. */
export function errorEvent(failure: LlmFailure): Buffer {
  return Buffer.from(`data: ${JSON.stringify(writeError(failure))}\n\n`);
}
