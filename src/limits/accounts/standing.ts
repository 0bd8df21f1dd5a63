import { WINDOW_MS, WindowMeter } from '../meters/window-meter.ts';
import type { Remaining, Standing } from '../limits-ports.ts';
import type { Check, Plan } from './check.ts';
import type { Desk } from './desk.ts';

/** The limits per minute of which the smallest part is left. `undefined`: there are none. */
export function standingOf({ checks }: Plan, desk: Desk, nowMs: number): Standing | undefined {
  const requests = tightest(checks, 'requests', desk, nowMs);
  const tokens = tightest(checks, 'tokens', desk, nowMs);
  return requests === undefined && tokens === undefined ? undefined : { requests, tokens };
}

function tightest(
  checks: readonly Check[],
  kind: Check['kind'],
  desk: Desk,
  nowMs: number,
): Remaining | undefined {
  let best: Remaining | undefined;
  for (const check of checks) {
    if (check.kind !== kind) continue;
    const { meter, max } = check;
    const remaining = Math.max(0, desk.free(check, nowMs));
    if (best !== undefined && best.remaining <= remaining) continue;
    const resetMs = meter instanceof WindowMeter ? meter.untilEmpty(nowMs) : WINDOW_MS;
    best = { limit: max, remaining, resetMs };
  }
  return best;
}
