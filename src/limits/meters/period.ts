const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const MONTH_MS = 30 * DAY_MS;
/** The shortest budget period. Milliseconds. */
const PERIOD_MS_MIN = 1_000;
/** 1970-01-05 was the first Monday of Unix time. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** A budget period: from `from` to before `to`, in milliseconds since the Unix epoch. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

const ALWAYS: Period = { from: 0, to: Number.POSITIVE_INFINITY };

/**
 * The budget period that `nowMs` is in. As in LiteLLM ("Budget Reset Times and Timezones"), periods follow the calendar, in UTC: 1 day from midnight, 7 days
 * from Monday, 30 days from the first of the month. `resetAt` is a time at which a period ends. Any other length is counted from 1970-01-01, so that every process and every start has the same periods.
 */
export function periodAt(nowMs: number, lengthMs: number | undefined, resetAt?: number): Period {
  if (lengthMs === undefined) return ALWAYS;
  // What was written to the database by hand may be shorter, and has to end all the same.
  const durationMs = Math.max(lengthMs, PERIOD_MS_MIN);
  // A reset that lies where the calendar would have put it, as LiteLLM's do, goes on with the calendar: months are not equally long.
  if (resetAt !== undefined && periodAt(resetAt, durationMs).from !== resetAt) {
    const from = resetAt + Math.floor((nowMs - resetAt) / durationMs) * durationMs;
    return { from, to: from + durationMs };
  }
  if (durationMs === MONTH_MS) {
    const now = new Date(nowMs);
    const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
    return { from: Date.UTC(year, month, 1), to: Date.UTC(year, month + 1, 1) };
  }
  const zero = durationMs === WEEK_MS ? FIRST_MONDAY_MS : 0;
  const from = zero + Math.floor((nowMs - zero) / durationMs) * durationMs;
  return { from, to: from + durationMs };
}
