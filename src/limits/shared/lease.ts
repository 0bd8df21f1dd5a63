import type { Check } from '../accounts/check.ts';
import { GRANT_MS, type Told } from './shared-counters.ts';

/** What this process has of one limit that it shares with others, and what Redis is still to be told. */
export class Lease {
  readonly name: string;
  readonly kind: Told['kind'];
  /** Granted and not used so far: for requests to come. */
  pool = 0;
  /** When the pool was granted, by Redis's clock. Seconds. */
  second = 0;
  /** When the pool has to be given back. Monotonic milliseconds. */
  untilMs = 0;
  /** What was left for everybody when Redis last said so, and until when that is believed. */
  #left = 0;
  #leftUntilMs = 0;
  /** Of requests in flight and budgets: what requests of this process and the pool have. */
  holds = 0;
  /** Acquisitions that were not answered yet. */
  acquiring = 0;
  /** What the ledger knows this budget by, and whether Redis was told. */
  readonly #label: string | undefined;
  isLabelled = false;
  /** Start of the budget period that `#used` belongs to. */
  from = 0;
  /** What is to be given back, by the second of its grant. */
  readonly #back = new Map<number, number>();
  #used = 0;

  constructor(name: string, kind: Lease['kind'], label: string | undefined) {
    this.name = name;
    this.kind = kind;
    this.#label = label;
  }

  /** What Redis is still to be told that the ledger knows it by. */
  get label(): string | undefined {
    return this.isLabelled ? undefined : this.#label;
  }

  has(amount: number, nowMs: number): boolean {
    if (amount > 0) return amount <= this.pool && nowMs < this.untilMs;
    // Nothing may be taken of a budget that is spent, not even nothing.
    return this.kind !== 'b' || (this.leftAt(nowMs) ?? 0) > 0;
  }

  /** What is left for requests of this process, as far as that is known: others take and give back too. */
  leftAt(nowMs: number): number | undefined {
    return nowMs < this.#leftUntilMs ? this.#left + this.pool : undefined;
  }

  learn(left: number, nowMs: number): void {
    this.#left = left;
    this.#leftUntilMs = nowMs + GRANT_MS;
  }

  /** Adds what was granted to the pool. A window's grants of different seconds cannot be one pool. */
  fill(amount: number, second: number, untilMs: number): void {
    if (this.kind === 'w' && second !== this.second) this.drain();
    else if (this.kind !== 'w') this.holds += amount;
    this.pool += amount;
    this.second = second;
    this.untilMs = untilMs;
  }

  /** Gives the pool back. */
  drain(): void {
    if (this.pool === 0) return;
    this.giveBack(this.pool, this.second);
    this.pool = 0;
  }

  giveBack(amount: number, second: number): void {
    if (amount === 0) return;
    const key = this.kind === 'w' ? second : 0;
    this.#back.set(key, (this.#back.get(key) ?? 0) + amount);
    if (this.kind !== 'w') this.holds -= amount;
  }

  use(amount: number, from: number): void {
    // What belongs to a period that is over counts nowhere any more.
    if (from < this.from) return;
    if (from > this.from) this.#used = 0;
    this.from = from;
    this.#used += amount;
  }

  /** Whether nothing of it is held, and nothing is to be told. */
  get isIdle(): boolean {
    return (
      this.pool === 0 && this.holds === 0 && this.acquiring === 0 && this.#back.size === 0 && this.#used === 0
    );
  }

  get isDirty(): boolean {
    return this.#back.size > 0 || this.#used > 0;
  }

  /** What Redis has to be told, which then counts as told. `isWhole`: with what is held in all, as far as that is known. */
  tell(isWhole: boolean): readonly Told[] {
    const { name, kind, from } = this;
    const holds = isWhole && kind !== 'w' && this.acquiring === 0 ? this.holds : undefined;
    const used = this.#used;
    const label = used > 0 ? this.label : undefined;
    const list = [...this.#back].map(([second, back], at) => ({
      name,
      kind,
      back,
      second,
      used: at === 0 ? used : 0,
      from,
      holds,
      label,
    }));
    const told =
      list.length > 0 || (used === 0 && holds === undefined && !isWhole)
        ? list
        : [{ name, kind, back: 0, second: 0, used, from, holds, label }];
    if (used > 0) this.isLabelled = true;
    this.#back.clear();
    this.#used = 0;
    return told;
  }

  /** Redis is away: what was granted counts no more, and what it will have forgotten need not be told. What was spent is told later. */
  cut(): void {
    if (this.kind !== 'w') this.holds -= this.pool;
    this.pool = 0;
    this.#leftUntilMs = 0;
    this.isLabelled = false;
    this.#back.clear();
    if (this.kind === 'w') this.#used = 0;
  }
}

/** How Redis counts it: a window, slots, or a budget. */
export function leaseKind({ kind }: Check): Lease['kind'] {
  switch (kind) {
    case 'requests':
    case 'tokens':
      return 'w';
    case 'parallel':
      return 's';
    case 'budget':
      return 'b';
  }
}
