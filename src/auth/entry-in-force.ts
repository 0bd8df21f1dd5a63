import { GatewayError } from '../core/errors.ts';
import type { VirtualEntry } from '../keys/key-ring.ts';

/** Throws what keeps a known key from being used now: it, its team or its user is blocked or has expired, or it has another value now. */
export function requireInForce({ key, team, user, until }: VirtualEntry, now: number): void {
  if (key.blocked) throw new GatewayError('auth-blocked');
  if (team?.blocked === true) throw new GatewayError('auth-team-blocked', { team: team.alias ?? team.id });
  if (user?.blocked === true) throw new GatewayError('auth-user-blocked', { user: user.alias ?? user.id });
  requireTime(key.expires, now);
  requireTime(until, now);
  requireTime(team?.expires, now);
  requireTime(user?.expires, now);
}

function requireTime(end: number | undefined, now: number): void {
  if (end !== undefined && end <= now)
    throw new GatewayError('auth-expired', { expires: new Date(end).toISOString() });
}
