import { type Calendar, UTC } from './calendar.ts';

const DAY_MS = 86_400_000;
const WEEK_DAYS = 7;
const MONTH_MS = 30 * DAY_MS;
/** The shortest budget period. Milliseconds. */
const PERIOD_MS_MIN = 1_000;
/** 1970-01-05, day 4, was the first Monday of Unix time. */
const FIRST_MONDAY = 4;

/** A budget period: from `from` to before `to`, in milliseconds since the Unix epoch. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

const ALWAYS: Period = { from: 0, to: Number.POSITIVE_INFINITY };

/**
 * The budget period that `nowMs` is in. As in LiteLLM ("Budget Reset Times and Timezones"), periods follow a calendar: 1 day from midnight, 7 days from Monday,
 * 30 days from the first of the month, other whole days from 1970-01-01; what a day is a multiple of begins with it. `resetAt` is a time at which a period
 * ends. Any other length is counted from 1970-01-01 in UTC. So every process and every start has the same periods.
 */
export function periodAt(
  nowMs: number,
  lengthMs: number | undefined,
  resetAt?: number,
  calendar: Calendar = UTC,
): Period {
  if (lengthMs === undefined) return ALWAYS;
  // What was written to the database by hand may be shorter, and has to end all the same.
  const durationMs = Math.max(lengthMs, PERIOD_MS_MIN);
  // A reset that lies where the calendar would have put it, as LiteLLM's do, goes on with the calendar: months are not equally long.
  if (resetAt !== undefined && periodAt(resetAt, durationMs, undefined, calendar).from !== resetAt)
    return evenly(nowMs, durationMs, resetAt);
  if (durationMs === MONTH_MS) return monthAt(nowMs, calendar);
  if (durationMs % DAY_MS === 0) return daysAt(nowMs, durationMs / DAY_MS, calendar);
  if (DAY_MS % durationMs !== 0) return evenly(nowMs, durationMs, 0);
  return withinDay(nowMs, durationMs, daysAt(nowMs, 1, calendar));
}

/** Parts of a day; where clocks are changed, the last one is shorter or longer rather than another one. */
function withinDay(nowMs: number, durationMs: number, day: Period): Period {
  const last = Math.max(1, Math.round((day.to - day.from) / durationMs)) - 1;
  const at = Math.min(last, Math.floor((nowMs - day.from) / durationMs));
  const from = day.from + at * durationMs;
  return { from, to: at === last ? day.to : from + durationMs };
}

function evenly(nowMs: number, durationMs: number, zero: number): Period {
  const from = zero + Math.floor((nowMs - zero) / durationMs) * durationMs;
  return { from, to: from + durationMs };
}

function monthAt(nowMs: number, calendar: Calendar): Period {
  const { year, month } = calendar.dayAt(nowMs);
  return around(nowMs, (at) => calendar.startOf({ year, month: month + at, day: 1 }));
}

function daysAt(nowMs: number, days: number, calendar: Calendar): Period {
  const { year, month, day } = calendar.dayAt(nowMs);
  const number = Date.UTC(year, month, day) / DAY_MS;
  const zero = days === WEEK_DAYS ? FIRST_MONDAY : 0;
  const first = number - ((((number - zero) % days) + days) % days);
  return around(nowMs, (at) => {
    const date = new Date((first + at * days) * DAY_MS);
    return calendar.startOf({
      year: date.getUTCFullYear(),
      month: date.getUTCMonth(),
      day: date.getUTCDate(),
    });
  });
}

/** The period of those from `startOf(at)` to `startOf(at + 1)` that holds a moment: a day may begin twice where clocks go back over midnight. */
function around(nowMs: number, startOf: (at: number) => number): Period {
  for (let at = 0; ; at++) {
    const to = startOf(at + 1);
    // `NaN`, of a moment beyond what dates can tell, ends it too.
    if (!(nowMs >= to)) return { from: startOf(at), to };
  }
}
