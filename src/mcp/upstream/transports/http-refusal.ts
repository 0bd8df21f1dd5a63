import type { HttpFailure, ResponseHead, Target } from '../../../net/http-client.ts';
import { UpstreamFailure } from '../failure.ts';

const EXCERPT_CHARACTERS = 160;

/** What an HTTP answer of 300 or above means. */
export function refusal(
  head: ResponseHead,
  body: Buffer,
  target: Target,
  sessionLost: boolean,
): UpstreamFailure {
  const { status, headers } = head;
  if (sessionLost)
    return new UpstreamFailure('session-lost', `it no longer knows the session (HTTP ${status})`, {
      delivered: 'no',
      status,
    });
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
