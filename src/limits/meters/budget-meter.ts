import type { Clock } from '../../core/clock.ts';
import { type Calendar, UTC } from './calendar.ts';
import type { Meter } from './meter.ts';
import { type Period, periodAt } from './period.ts';

/** How long a budget that nobody uses keeps what it knows, before it may be forgotten and read from the history again. */
const KEPT_MS = 600_000;
/** When it makes sense to look again whether requests in flight have left something. */
const LOOK_AGAIN_MS = 1_000;

/** Money of one account in its budget period: 10^-12 US dollars. What was spent before is not known until `begin`. */
export class BudgetMeter implements Meter {
  readonly #clock: Clock;
  readonly #durationMs: number | undefined;
  readonly #resetAt: number | undefined;
  readonly #calendar: Calendar;
  #period: Period;
  #spent = 0;
  #base = 0;
  #reserved = 0;
  #isKnown = false;
  #isWarned = false;
  #lastUseMs: number;

  constructor(clock: Clock, durationMs: number | undefined, resetAt?: number, calendar: Calendar = UTC) {
    this.#clock = clock;
    this.#durationMs = durationMs;
    this.#resetAt = resetAt;
    this.#calendar = calendar;
    this.#period = periodAt(clock.now(), durationMs, resetAt, calendar);
    this.#lastUseMs = clock.monotonicMs();
  }

  /** Whether it is known what was spent in the period before. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  get period(): Period {
    this.#roll();
    return this.#period;
  }

  /** What was spent by all processes when that was last known. */
  get base(): number {
    this.#roll();
    return this.#base;
  }

  /** Sets what was spent in the period that begins at `from`, unless more is known already or another period has begun. */
  begin(spent: number, from: number): void {
    this.#roll();
    this.#isKnown = true;
    if (from === this.#period.from) this.#spent = Math.max(this.#spent, spent);
    this.#base = this.#spent;
  }

  /** What was spent is to be read again. */
  forget(): void {
    this.#period = periodAt(this.#clock.now(), this.#durationMs, this.#resetAt, this.#calendar);
    this.#spent = 0;
    this.#base = 0;
    this.#isKnown = false;
    this.#isWarned = false;
  }

  /** Whether `soft` is passed and nobody was told so in this period; answers so once. */
  passes(soft: number): boolean {
    if (this.#isWarned || this.#spent < soft) return false;
    this.#isWarned = true;
    return true;
  }

  free(limit: number): number {
    this.#roll();
    return limit - this.#spent - this.#reserved;
  }

  used(): number {
    this.#roll();
    return this.#spent;
  }

  reserved(): number {
    return this.#reserved;
  }

  take(amount: number, nowMs: number): void {
    this.#lastUseMs = nowMs;
    this.#reserved += amount;
  }

  /** A call belongs to the period in which it began, as in the ledger. */
  settle(taken: number, used: number, atMs: number, nowMs: number): void {
    this.#roll();
    this.#lastUseMs = nowMs;
    this.#reserved -= taken;
    if (this.#clock.now() - (nowMs - atMs) >= this.#period.from) this.#spent += used;
  }

  untilFree(amount: number, limit: number): number | undefined {
    if (amount > limit) return undefined;
    const isSpent = this.#spent >= limit;
    if (!isSpent && this.free(limit) >= amount) return 0;
    // When requests in flight cost less than was reserved for them, there may be enough.
    if (!isSpent && limit - this.#spent >= amount) return LOOK_AGAIN_MS;
    const { to } = this.#period;
    return to === Number.POSITIVE_INFINITY ? undefined : to - this.#clock.now();
  }

  isIdle(nowMs: number): boolean {
    return this.#reserved === 0 && nowMs - this.#lastUseMs > KEPT_MS;
  }

  #roll(): void {
    if (this.#clock.now() < this.#period.to) return;
    this.#period = periodAt(this.#clock.now(), this.#durationMs, this.#resetAt, this.#calendar);
    this.#spent = 0;
    this.#base = 0;
    this.#isWarned = false;
    // Everything of a period that begins while it is counted is counted.
    this.#isKnown = true;
  }
}
