import { isList, isObject, numberOf, textOf } from '../../conversation/json.ts';
import { LlmFailure, type FailureKind } from '../../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { kindOfStatus, parseErrorBody, retryAfterOf, shortText } from '../../conversation/provider-error.ts';

const KINDS: Readonly<Record<string, FailureKind>> = {
  INVALID_ARGUMENT: 'invalid',
  FAILED_PRECONDITION: 'invalid',
  OUT_OF_RANGE: 'invalid',
  UNAUTHENTICATED: 'auth',
  PERMISSION_DENIED: 'forbidden',
  NOT_FOUND: 'not-found',
  RESOURCE_EXHAUSTED: 'rate-limit',
  INTERNAL: 'upstream',
  UNKNOWN: 'upstream',
  UNAVAILABLE: 'overloaded',
  DEADLINE_EXCEEDED: 'timeout',
};

const STATUSES: Readonly<Record<FailureKind, readonly [name: string, status: number]>> = {
  invalid: ['INVALID_ARGUMENT', 400],
  auth: ['UNAUTHENTICATED', 401],
  forbidden: ['PERMISSION_DENIED', 403],
  'not-found': ['NOT_FOUND', 404],
  'too-large': ['INVALID_ARGUMENT', 413],
  'rate-limit': ['RESOURCE_EXHAUSTED', 429],
  quota: ['RESOURCE_EXHAUSTED', 429],
  'context-length': ['INVALID_ARGUMENT', 400],
  'content-policy': ['INVALID_ARGUMENT', 400],
  overloaded: ['UNAVAILABLE', 503],
  timeout: ['DEADLINE_EXCEEDED', 504],
  cut: ['INTERNAL', 502],
  unreachable: ['UNAVAILABLE', 502],
  upstream: ['INTERNAL', 502],
  internal: ['INTERNAL', 500],
};

const TYPE = 'type.googleapis.com/google.rpc.';
const CONTEXT_LENGTH =
  /token count \(?\d*\)? ?exceeds|exceeds the maximum number of tokens|context (?:length|window)/i;
const QUOTA = /billing|prepa(?:y|id)|credits? (?:are |is )?(?:depleted|exhausted)|spend(?:ing)? cap/i;
const BAD_KEY = /api key not valid|api_key_invalid|api key expired/i;
const POLICY = /safety|prohibited|blocked/i;

/** A provider's error answer. */
export function readError(
  status: number,
  headers: Readonly<Record<string, string | undefined>>,
  body: Buffer,
): LlmFailure {
  const error = errorOf(parseErrorBody(body));
  return failureOf(error, status, textOf(error?.['message']) ?? shortText(body, status), headers, body);
}

/** An error in the midst of a stream, or in the place of an answer. */
export function readErrorEvent(data: JsonObject): LlmFailure {
  const error = errorOf(data);
  const code = numberOf(error?.['code']);
  const status = code !== undefined && code >= 400 && code < 600 ? code : 502;
  const message = textOf(error?.['message']) ?? 'The provider broke the stream off without a reason.';
  return failureOf(error, status, message, {}, Buffer.from(JSON.stringify(data)));
}

/** The body of an error answer, and the data of an error in a stream. */
export function writeError(failure: LlmFailure): JsonObject {
  const [name, standard] = STATUSES[failure.kind];
  const code = failure.status >= 400 && failure.status < 600 ? failure.status : standard;
  const { param, retryAfterMs, message } = failure;
  const details = [
    ...(param === undefined
      ? []
      : [{ '@type': `${TYPE}BadRequest`, fieldViolations: [{ field: param, description: message }] }]),
    ...(retryAfterMs === undefined
      ? []
      : [{ '@type': `${TYPE}RetryInfo`, retryDelay: `${Math.ceil(retryAfterMs / 100) / 10}s` }]),
  ];
  return { error: { code, message, status: name, ...(details.length === 0 ? {} : { details }) } };
}

/** An error in the midst of a stream. */
export function failEvent(failure: LlmFailure): Buffer {
  return Buffer.from(`data: ${JSON.stringify(writeError(failure))}\r\n\r\n`);
}

function failureOf(
  error: JsonObject | undefined,
  status: number,
  message: string,
  headers: Readonly<Record<string, string | undefined>>,
  body: Buffer,
): LlmFailure {
  const name = textOf(error?.['status']);
  const details = isList(error?.['details']) ? error['details'].filter(isObject) : [];
  const retryDelay = details.map(
    (detail) => /^(\d+(?:\.\d+)?)s$/.exec(textOf(detail['retryDelay']) ?? '')?.[1],
  );
  const delay = retryDelay.find((one) => one !== undefined);
  const reason = details.map((detail) => textOf(detail['reason'])).find((one) => one !== undefined);
  return new LlmFailure(kindOf(status, name, `${message} ${reason ?? ''}`), message, {
    status,
    param: fieldOf(details),
    code: reason ?? name,
    retryAfterMs: delay === undefined ? retryAfterOf(headers, message) : Math.round(Number(delay) * 1000),
    raw: { format: 'gemini', status, body },
  });
}

function fieldOf(details: readonly JsonObject[]): string | undefined {
  for (const { fieldViolations } of details) {
    const first = isList(fieldViolations) ? fieldViolations.find(isObject) : undefined;
    if (first !== undefined) return textOf(first['field']);
  }
  return undefined;
}

function kindOf(status: number, name: string | undefined, message: string): FailureKind {
  const kind = (name === undefined ? undefined : KINDS[name]) ?? kindOfStatus(status);
  if (kind === 'invalid') {
    if (BAD_KEY.test(message)) return 'auth';
    if (CONTEXT_LENGTH.test(message)) return 'context-length';
    if (POLICY.test(message)) return 'content-policy';
  }
  return kind === 'rate-limit' && QUOTA.test(message) ? 'quota' : kind;
}

/** The error object; streams without framing by events answer with a list that holds it. */
function errorOf(body: Json | undefined): JsonObject | undefined {
  const holder = isList(body) ? body[0] : body;
  if (!isObject(holder)) return undefined;
  const { error } = holder;
  if (isObject(error)) return error;
  return typeof error === 'string' ? { message: error } : undefined;
}
