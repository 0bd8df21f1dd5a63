import type { HttpFailure, ResponseHead, Target } from '../../../net/http-client.ts';
import type { RpcReply } from '../../wire/message.ts';
import { UpstreamFailure } from '../failure.ts';
import type { HeaderLine } from '../transport.ts';

const EXCERPT_CHARACTERS = 160;

/** Whether a request is of the modern era, which its headers say. */
export function isModernRequest(headers: readonly HeaderLine[]): boolean {
  return headers.some(([name]) => name === 'Mcp-Method');
}

/** Codes of 2026-07-28, "Error codes": the headers do not fit, the version is not served. */
const HEADER_MISMATCH = -32020;
const VERSION_UNSUPPORTED = -32022;
/** "Invalid request", and what servers made of their own freedom: codes of a refusal before anything was done. */
const REFUSAL_CODES: ReadonlySet<unknown> = new Set([-32600, -32000, -32001]);
/** How servers say that they miss the handshake, or the session that it opened, or that they speak another revision. */
const OUTLIVED = /session|not initiali[sz]ed|protocol version/i;

/**
 * Whether a refusal says that what was agreed when the connection began holds no longer: the server forgot the session, or another one took
 * its place that wants sessions or speaks the other era. Then nothing was done, and the call may be sent again over a new connection.
 * The official SDKs say it in 400 and 404, with and without the request's id. Words of that kind in the reply to a request, that are not a
 * refusal of the request as such, are the tool's own.
 */
export function isOutlived(
  answer: { readonly status: number; readonly excerpt: string; readonly reply: RpcReply | undefined },
  request: { readonly hadSession: boolean; readonly isModern: boolean },
): boolean {
  const { status, excerpt, reply } = answer;
  const code = reply?.kind === 'error' ? reply.error.value('code') : undefined;
  if (code === VERSION_UNSUPPORTED) return true;
  // A legacy request has no headers that could differ from its body.
  if (code === HEADER_MISMATCH) return !request.isModern;
  if (status === 404 && request.hadSession) return true;
  if (status !== 400 && status !== 404) return false;
  if (reply?.id !== undefined && !REFUSAL_CODES.has(code)) return false;
  return OUTLIVED.test(excerpt);
}

/** What an HTTP answer of 300 or above means. */
export function refusal(
  head: ResponseHead,
  body: Buffer,
  target: Target,
  isOutlivedConnection: boolean,
): UpstreamFailure {
  const { status, headers } = head;
  if (isOutlivedConnection)
    return new UpstreamFailure(
      'session-lost',
      `it no longer knows what was agreed with it (HTTP ${status}): its session is lost, or it was exchanged for another server`,
      { delivered: 'no', status },
    );
  if (status === 401 || status === 403) {
    const challenge = headers['www-authenticate'];
    return new UpstreamFailure(
      'auth',
      `HTTP ${status}${challenge === undefined ? '' : `, asking for ${challenge.slice(0, EXCERPT_CHARACTERS)}`}`,
      { status, challenge },
    );
  }
  const location = headers['location'];
  const excerpt = body
    .toString('utf8', 0, 400)
    .replaceAll(/<[^>]*>|\s+/g, ' ')
    .trim()
    .slice(0, EXCERPT_CHARACTERS);
  const text = `HTTP ${status}${location === undefined ? '' : ` to ${location}`}${excerpt === '' ? '' : ` (${JSON.stringify(excerpt)})`}`;
  return new UpstreamFailure('status', text, {
    status,
    challenge: sameOrigin(location, target),
  });
}

export function fromHttpFailure(failure: HttpFailure): UpstreamFailure {
  const { message, delivered } = failure;
  const options = { delivered, cause: failure };
  switch (failure.kind) {
    case 'connect':
      return new UpstreamFailure('connect', message, options);
    case 'timeout':
      return new UpstreamFailure('timeout', message, options);
    case 'malformed':
      return new UpstreamFailure('protocol', message, options);
    case 'too-large':
      return new UpstreamFailure('too-large', message, options);
    case 'aborted':
      return new UpstreamFailure('cancelled', message, options);
    case 'reset':
      return new UpstreamFailure('closed', message, options);
  }
}

/** Where a redirect leads, when that is on the same origin: elsewhere our credentials have no business. */
function sameOrigin(location: string | undefined, target: Target): string | undefined {
  if (location === undefined || !URL.canParse(location, target.url)) return undefined;
  const url = new URL(location, target.url);
  return url.origin === target.origin ? url.href : undefined;
}
