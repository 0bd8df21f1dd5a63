import type { Usage, UsageDimension } from '../store-ports.ts';
import type { LedgerRow } from '../call-records.ts';

/** A call that counts: it has ended, and no operator made it. */
export type Ended = LedgerRow & Required<Pick<LedgerRow, 'status'>>;

/** Nothing used. */
export const NOTHING: Usage = { requests: 0, failures: 0, promptTokens: 0, completionTokens: 0, cost: 0 };

/** Dimensions that do not follow from the moment. */
export const NAMES = ['kind', 'key', 'user', 'team', 'model', 'deployment', 'server', 'tool'] as const;

/** What calls have in common, by dimension; `` for none. */
export type Names = Readonly<Record<(typeof NAMES)[number], string>>;

/** Whether it counts. */
export function isEnded(row: LedgerRow): row is Ended {
  return row.status !== undefined && row.kind !== 'admin';
}

/** To whom and what a call counts. */
export function namesOf({ kind, keyId, user = '', team = '', server = '', ...row }: Ended): Names {
  const { model, deployment = '', originalName: tool = '', cost, status } = row;
  // A model that nothing answered to is text of a stranger and no group of its own.
  const answered = deployment !== '' || cost !== undefined || status === 'ok';
  return { kind, key: keyId, user, team, model: answered ? (model ?? '') : '', deployment, server, tool };
}

/** The value of a dimension of calls that began at, or in the hour of, `startedAt`. */
export function valueOf(name: UsageDimension, startedAt: number, names: Names): string {
  if (name === 'hour') return `${new Date(startedAt).toISOString().slice(0, 13)}:00:00Z`;
  return name === 'day' ? new Date(startedAt).toISOString().slice(0, 10) : names[name];
}

/** What one call used. */
export function usageOf(row: Ended): Usage {
  return {
    requests: 1,
    failures: row.status === 'ok' ? 0 : 1,
    promptTokens: row.promptTokens ?? 0,
    completionTokens: row.completionTokens ?? 0,
    cost: row.cost ?? 0,
  };
}

/** Both together; with `sign` -1, the first without the second. */
export function plus(a: Usage, b: Usage, sign: 1 | -1 = 1): Usage {
  return {
    requests: a.requests + sign * b.requests,
    failures: a.failures + sign * b.failures,
    promptTokens: a.promptTokens + sign * b.promptTokens,
    completionTokens: a.completionTokens + sign * b.completionTokens,
    // Twelve digits after the point is what a cost has; sums of fractions would have more.
    cost: Math.round((a.cost + sign * b.cost) * 1e12) / 1e12,
  };
}
