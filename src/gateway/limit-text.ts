import type { Admission, Refusal } from '../limits/limits-ports.ts';

const WHAT = {
  requests: 'requests per minute',
  tokens: 'tokens per minute',
  parallel: 'requests at the same time',
  budget: 'US dollars',
} as const;
const PICO = 1_000_000_000_000;

/** A request that is not made after all, because of `error`. */
export function giveUp(verdict: Admission | Refusal | undefined, error: unknown): never {
  if (verdict?.kind === 'admitted') verdict.withdraw();
  throw error;
}

/** Whether the money is spent, rather than reserved for requests in flight: then no waiting helps within the budget period. */
export function isSpent({ limit, retryAfterMs, used, max }: Refusal): boolean {
  return limit === 'budget' && (used >= max || retryAfterMs === undefined || retryAfterMs > 60_000);
}

/** Seconds until it makes sense to ask again, whole ones; `undefined`: never. */
export function retrySeconds({ retryAfterMs }: Refusal): number | undefined {
  return retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(retryAfterMs / 1_000));
}

/** Why a request is not let through, for who sent it. */
export function refusalText(refusal: Refusal): string {
  const { limit, max, used, reserved, model, waitedMs, priority } = refusal;
  const of = whose(refusal);
  if (limit === 'budget') {
    if (isSpent(refusal)) return spentText(refusal);
    return `The rest of the budget ${of} is reserved for requests in flight: ${usd(used)} of ${usd(max)} US dollars are spent, ${usd(reserved)} reserved.`;
  }
  const seconds = retrySeconds(refusal);
  const again =
    seconds === undefined
      ? limit === 'tokens' && max > 0
        ? ' The request alone may use more than that: make it shorter, or allow fewer tokens for the answer.'
        : ''
      : ` Try again in ${seconds} s.`;
  const waited =
    waitedMs === 0
      ? ''
      : ` It waited ${Math.round(waitedMs / 100) / 10} s for its turn${priority === undefined ? '' : ` with priority "${priority}"`}.`;
  const counted = limit === 'parallel' ? `${used} are in flight` : `${used} were used in the last minute`;
  const ofModel = model === undefined ? '' : ` of model "${model}"`;
  return `Rate limit exceeded ${of}: at most ${max} ${WHAT[limit]}${ofModel}, and ${counted}.${waited}${again}`;
}

/** LiteLLM's words, which its clients look for. */
function spentText(refusal: Refusal): string {
  const { scope, id, team, used, max, retryAfterMs, model } = refusal;
  const more = used < max ? ` The request may cost more than is left of it.` : '';
  const until =
    retryAfterMs === undefined ? '' : ` It is renewed in ${Math.ceil(retryAfterMs / 3_600_000)} h.`;
  const ofModel = model === undefined ? '' : ` for model "${model}"`;
  const who = scope === 'team-member' ? `User=${id} in Team=${team} ` : '';
  return `Budget has been exceeded! ${who}Current cost: ${usd(used)}, Max budget: ${usd(max)} (${whose(refusal)}${ofModel}).${more}${until}`;
}

function whose({ scope, id, team }: Refusal): string {
  if (scope === 'team-member') return `of user "${id}" in team "${team}"`;
  return scope === 'key' ? 'of this key' : `of ${scope} "${id}"`;
}

function usd(pico: number): string {
  return String(Number((pico / PICO).toPrecision(12)));
}
