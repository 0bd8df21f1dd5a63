import { type ErrorCode, type Facts, GatewayError } from '../../core/errors.ts';
import type { CallTarget } from '../calls/target.ts';
import type { Connection } from './connection.ts';
import type { UpstreamFailure } from './failure.ts';

/** What a client is told when its call to `server` got no reply. `since`: RFC 3339 time since when the server is in its state. */
export function callError(server: string, failure: UpstreamFailure, since: string): GatewayError {
  const options = { cause: failure, operatorText: failure.message };
  const error = (code: ErrorCode, facts: Facts): GatewayError =>
    new GatewayError(code, { server, ...facts }, options);
  switch (failure.kind) {
    case 'timeout':
      return error('call-timeout', { seconds: secondsIn(failure.message) });
    case 'cancelled':
      return new GatewayError('client-gone', {}, options);
    case 'auth':
      return error('server-auth', { status: failure.status ?? 401 });
    case 'too-large':
      return error('response-too-large', { ...failure.bound });
    case 'status':
      if (failure.status === 429 || failure.status === 503)
        return error('server-down', { state: 'overloaded', since, reason: sentence(failure.message) });
      return error('server-protocol', { reason: failure.message });
    case 'protocol':
      return error('server-protocol', { reason: failure.message });
    case 'stopped':
      return failure.delivered === 'no'
        ? new GatewayError('shutting-down', {}, options)
        : error('call-lost', {
            reason: `${failure.message}: by a new configuration, by a restart, or with the gateway.`,
          });
    case 'closed':
      return failure.delivered === 'no'
        ? error('server-down', { state: 'down', since, reason: sentence(failure.message) })
        : error('call-lost', { reason: failure.message });
    case 'connect':
    case 'spawn':
    case 'session-lost':
      return error('server-down', { state: 'unreachable', since, reason: sentence(failure.message) });
  }
}

/** A call may be sent again when the server certainly never saw it, or when doing it twice does no harm. */
export function mayRepeat(failure: UpstreamFailure, target: CallTarget): boolean {
  // A server that has too much to do gets no more of it.
  if (failure.kind === 'status') return false;
  if (failure.kind === 'session-lost' || failure.delivered === 'no')
    return failure.kind !== 'cancelled' && failure.kind !== 'stopped';
  return (failure.kind === 'closed' || failure.kind === 'stopped') && target.repeatable;
}

/**
 * Whether a call's failure says that the whole connection is gone. Over HTTP one request may fail and the others do not: a broken socket ends
 * nothing but itself. (Streams and programs tell of their end themselves.)
 */
export function isLost(failure: UpstreamFailure, connection: Connection): boolean {
  if (failure.kind === 'session-lost' || connection.peer.transport.kind !== 'http') return true;
  return failure.kind === 'connect' && connection.inFlight === 0;
}

/** A reason as a sentence, bounded. */
export function sentence(reason: string): string {
  const bounded = reason.slice(0, 500);
  return /[.!?]$/.test(bounded) ? bounded : `${bounded}.`;
}

function secondsIn(text: string): string {
  return /(\d+(?:\.\d+)?) s\b/.exec(text)?.[1] ?? '?';
}
