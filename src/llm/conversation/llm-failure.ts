import type { FormatName } from './format-name.ts';

/** What went wrong, in words that every format has a word for. */
export type FailureKind =
  /** The request is wrong. */
  | 'invalid'
  | 'auth'
  | 'forbidden'
  | 'not-found'
  | 'too-large'
  | 'rate-limit'
  /** The provider's account has no money left. */
  | 'quota'
  /** The request is longer than the model's context. */
  | 'context-length'
  | 'content-policy'
  | 'overloaded'
  | 'timeout'
  /** The answer broke off, or made no sense. */
  | 'cut'
  | 'unreachable'
  | 'upstream'
  | 'internal';

export interface FailureDetails {
  /** HTTP status for the client. */
  readonly status: number;
  /** The member of the request that is wrong, as a dotted path. */
  readonly param?: string | undefined;
  /** A stable word: the provider's own, or ours. */
  readonly code?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The provider's answer as it came, to be passed on unchanged where the client speaks the same format. */
  readonly raw?: { readonly format: FormatName; readonly status: number; readonly body: Buffer } | undefined;
  /** What the operator reads in the log in place of the message: where the provider is, for example. */
  readonly detail?: string | undefined;
  readonly cause?: unknown;
}

/** Why there is no answer, or no more of it. The message may be read by the client. */
export class LlmFailure extends Error {
  readonly kind: FailureKind;
  readonly status: number;
  readonly param: string | undefined;
  readonly code: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly raw: FailureDetails['raw'];
  readonly detail: string | undefined;

  constructor(kind: FailureKind, message: string, details: FailureDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'LlmFailure';
    this.kind = kind;
    this.status = details.status;
    this.param = details.param;
    this.code = details.code;
    this.retryAfterMs = details.retryAfterMs;
    this.raw = details.raw;
    this.detail = details.detail;
  }
}

/** A request that is wrong at `param`. */
export function invalid(message: string, param?: string): LlmFailure {
  return new LlmFailure('invalid', message, { status: 400, param });
}

/** The code of a request that goes on with an answer which is not there. */
export const PREVIOUS_NOT_FOUND = 'previous_response_not_found';

/** A request that goes on with an answer which is not there, in OpenAI's words. */
export function previousNotFound(id: string): LlmFailure {
  return new LlmFailure('invalid', `Previous response with id '${id.slice(0, 100)}' not found.`, {
    status: 400,
    param: 'previous_response_id',
    code: PREVIOUS_NOT_FOUND,
  });
}

/** The code of a request whose client went away. */
export const CLIENT_GONE = 'client_gone';

/** For the ledger: nobody is there to be told. */
export function clientGone(): LlmFailure {
  return new LlmFailure('internal', 'The client went away.', { status: 499, code: CLIENT_GONE });
}
