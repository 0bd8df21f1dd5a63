export type HttpFailureKind = 'connect' | 'reset' | 'malformed' | 'too-large' | 'timeout' | 'aborted';

/** A request without a whole response. `delivered: 'no'`: the other side certainly saw nothing of it. */
export class HttpFailure extends Error {
  readonly kind: HttpFailureKind;
  readonly delivered: 'no' | 'unknown';

  constructor(kind: HttpFailureKind, message: string, delivered: 'no' | 'unknown', cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HttpFailure';
    this.kind = kind;
    this.delivered = delivered;
  }
}
