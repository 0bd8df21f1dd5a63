import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';

const DAY_MS = 86_400_000;
/** Days that are shown when no period is asked for, today included. */
const DAYS = 30;

/** A day or a moment: `2026-11-21`, `2026-11-21T13:00:00Z`. */
export const date = z
  .string()
  .refine(
    (text) =>
      /^\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(text) && !Number.isNaN(startOf(text)),
    'must be a date such as 2026-11-21, or an RFC 3339 time',
  );

/** A time between two moments, in milliseconds since the Unix epoch; `to` is not part of it. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

/** From the beginning of the first day to the end of the last one (UTC); without dates, the last 30 days. `now` as in Period. */
export function periodOf(start: string | undefined, end: string | undefined, now: number): Period {
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  const to = end === undefined ? today + DAY_MS : endOf(end);
  return forwards({
    from: start === undefined ? Math.min(today, to) - (DAYS - 1) * DAY_MS : startOf(start),
    to,
  });
}

/** Without dates, everything. */
export function openPeriodOf(start: string | undefined, end: string | undefined, now: number): Period {
  return forwards({
    from: start === undefined ? 0 : startOf(start),
    to: end === undefined ? Math.max(now + 1, start === undefined ? 0 : startOf(start)) : endOf(end),
  });
}

/** Dates that were exchanged would look like nothing that was used. */
function forwards(period: Period): Period {
  if (period.from <= period.to) return period;
  throw new GatewayError('request-invalid', { reason: 'start_date is after end_date' });
}

/** The days of a period, `2026-11-21` each, in order. */
export function daysOf({ from, to }: Period): readonly string[] {
  const first = Math.floor(from / DAY_MS);
  return Array.from({ length: Math.max(0, Math.ceil(to / DAY_MS) - first) }, (_, index) =>
    new Date((first + index) * DAY_MS).toISOString().slice(0, 10),
  );
}

function startOf(text: string): number {
  return Date.parse(
    /[Zz]|[+-]\d{2}:?\d{2}$/.test(text.slice(10)) || text.length === 10 ? text : `${text.replace(' ', 'T')}Z`,
  );
}

function endOf(text: string): number {
  return text.length === 10 ? startOf(text) + DAY_MS : startOf(text) + 1;
}
