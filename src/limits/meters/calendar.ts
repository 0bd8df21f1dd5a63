const DAY_MS = 86_400_000;

/** A day as the calendar of a time zone has it. Months from 0, as in Date. */
interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** Where the days of a time zone begin. */
export interface Calendar {
  /** Its name in the IANA database. */
  readonly zone: string;
  /** The day that a moment lies in. Milliseconds since the Unix epoch. */
  dayAt(ms: number): Day;
  /** When a day begins; its month and day may be beyond their ranges, as in Date.UTC. Milliseconds since the Unix epoch. */
  startOf(day: Day): number;
}

/** Days that begin at midnight in UTC. */
export const UTC: Calendar = Object.freeze({
  zone: 'UTC',
  dayAt: utcDay,
  startOf: ({ year, month, day }: Day) => Date.UTC(year, month, day),
});

/** Whether the runtime knows the time zone. */
export function isTimeZone(zone: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** The calendar of a time zone. Throws RangeError on one that is not known. */
export function calendarOf(zone: string): Calendar {
  if (zone === 'UTC') return UTC;
  const format = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  /** What clocks show there, as if it were UTC. */
  const shownAt = (ms: number): number => {
    const parts: Partial<Record<string, number>> = {};
    for (const { type, value } of format.formatToParts(ms)) parts[type] = Number(value);
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second);
  };
  const offsetAt = (ms: number): number => shownAt(ms) - Math.floor(ms / 1_000) * 1_000;
  return Object.freeze({
    zone,
    dayAt: (ms: number) => utcDay(shownAt(ms)),
    startOf: ({ year, month, day }: Day) => {
      const midnight = Date.UTC(year, month, day);
      // Clocks may be changed on that day: one of what was shown before and after is right, and the later where midnight is left out.
      const found = [midnight - offsetAt(midnight - DAY_MS), midnight - offsetAt(midnight + DAY_MS)];
      const within = found.filter((ms) => shownAt(ms) >= midnight);
      return within.length === 0 ? Math.max(...found) : Math.min(...within);
    },
  });
}

function utcDay(ms: number): Day {
  const date = new Date(ms);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() };
}
