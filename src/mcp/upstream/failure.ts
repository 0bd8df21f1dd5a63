/** Why a request to an upstream server has no reply. */
export type FailureKind =
  | 'connect'
  | 'closed'
  | 'timeout'
  | 'status'
  | 'auth'
  | 'session-lost'
  | 'protocol'
  | 'too-large'
  | 'spawn'
  | 'cancelled'
  | 'stopped';

/** A bound of the configuration, by its key, and how many bytes it allows. */
export interface ExceededBound {
  readonly limit: 'limits.message_bytes_max' | 'limits.upstream_response_bytes_max';
  readonly max: number;
}

/** A message of the server's exceeds a bound. */
export function tooLarge(bound: ExceededBound): UpstreamFailure {
  return new UpstreamFailure('too-large', `it sent more than ${bound.max} bytes (${bound.limit})`, { bound });
}

/**
 * A request to an upstream server that got no reply. `message` is a sentence for the operator that names what was tried.
 * `delivered: 'no'` means that the server certainly never saw the request, so that it may be sent again.
 */
export class UpstreamFailure extends Error {
  readonly kind: FailureKind;
  readonly delivered: 'no' | 'unknown';
  /** HTTP status, for `status`, `auth` and `session-lost`. */
  readonly status: number | undefined;
  /** The `WWW-Authenticate` header of a refusal. */
  readonly challenge: string | undefined;
  /** For `too-large`: what was exceeded. */
  readonly bound: ExceededBound | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    options: {
      delivered?: 'no' | 'unknown';
      status?: number | undefined;
      challenge?: string | undefined;
      bound?: ExceededBound;
      cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UpstreamFailure';
    this.kind = kind;
    this.delivered = options.delivered ?? 'unknown';
    this.status = options.status;
    this.challenge = options.challenge;
    this.bound = options.bound;
  }
}
