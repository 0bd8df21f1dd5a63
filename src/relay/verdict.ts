import { GatewayError } from '../core/errors.ts';
import { type Failure, failureOf, type Place, refusalOf, rpcErrorCode } from './failure.ts';
import type { AnswerEnd } from './http-answer.ts';
import type { Parcel } from './parcel.ts';

/** A header that repeats the body is missing or differs (2026-07-28, "Error codes"). */
const HEADER_MISMATCH = -32020;
const EXCERPT_BYTES = 4_096;

/** What an answer's end means for the parcel. All but `done` say what to tell the client when nothing more can be done. */
export type Verdict =
  | { readonly kind: 'done' }
  /** Nothing of it was done; it may be sent again. */
  | { readonly kind: 'away'; readonly failure: Failure; readonly reason: string }
  /** It may have taken effect. */
  | { readonly kind: 'cut'; readonly failure: Failure; readonly reason: string }
  | { readonly kind: 'session-lost'; readonly failure: Failure }
  /** A header is wanted that the tool's schema asks for. */
  | { readonly kind: 'headers'; readonly failure: Failure }
  | { readonly kind: 'final'; readonly failure: Failure };

export function judge(
  parcel: Parcel,
  end: AnswerEnd,
  hadSession: boolean,
  place: Place,
  waitMs: number,
): Verdict {
  const url = place.address;
  const hasRequests = parcel.messages.some((message) => message.kind === 'request');
  if (end.kind === 'aborted' || (hasRequests && parcel.open.size === 0)) return { kind: 'done' };
  switch (end.kind) {
    case 'complete':
      if (!hasRequests) return { kind: 'done' };
      return parcel.oddity === undefined
        ? cut(url, 'the response ended without it')
        : foreign(url, parcel.oddity);
    case 'foreign':
      return hasRequests ? foreign(url, end.reason) : { kind: 'done' };
    case 'failed': {
      const { kind, delivered, message: reason } = end.failure;
      if (kind === 'malformed') return foreign(url, reason);
      if (kind !== 'connect' && delivered !== 'no') return cut(url, reason);
      const facts = { url, reason, seconds: Math.round(waitMs / 1_000) };
      return { kind: 'away', reason, failure: failureOf(new GatewayError('relay-unreachable', facts)) };
    }
    case 'refused':
      return refused(parcel, end, hadSession, place);
  }
}

function refused(
  parcel: Parcel,
  { head, body }: Extract<AnswerEnd, { kind: 'refused' }>,
  hadSession: boolean,
  place: Place,
): Verdict {
  const failure = refusalOf(head, body, place);
  const { status } = head;
  // The servers differ in how they say that they do not know a session: 404, or 400 with words.
  if (
    hadSession &&
    (status === 404 || (status === 400 && /session/i.test(body.toString('utf8', 0, EXCERPT_BYTES))))
  )
    return { kind: 'session-lost', failure };
  if (status === 429 || status === 503) return { kind: 'away', failure, reason: failure.text };
  if (status === 502 || status === 504) return { kind: 'cut', failure, reason: failure.text };
  if (parcel.era === 'modern' && parcel.method === 'tools/call' && rpcErrorCode(body) === HEADER_MISMATCH)
    return { kind: 'headers', failure };
  return { kind: 'final', failure };
}

function cut(url: string, reason: string): Verdict {
  return { kind: 'cut', reason, failure: failureOf(new GatewayError('relay-cut', { url, reason })) };
}

function foreign(url: string, reason: string): Verdict {
  return { kind: 'final', failure: failureOf(new GatewayError('relay-foreign', { url, reason })) };
}
