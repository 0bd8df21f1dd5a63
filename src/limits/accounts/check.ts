import type { BudgetMeter } from '../meters/budget-meter.ts';
import type { Meter } from '../meters/meter.ts';
import type { Account, LimitKind, Need } from '../limits-ports.ts';

/** One limit that a request has to stay within. */
export interface Check {
  readonly kind: LimitKind;
  readonly meter: Meter;
  /** Requests, tokens, requests in flight, or 10^-12 dollars. */
  readonly max: number;
  readonly rule: string;
  readonly account: Account;
  /** Where it counts one model alone. */
  readonly model: string | undefined;
  /** Names what is counted, the same in every process. */
  readonly name: string;
  /** Of a budget. */
  readonly budget: BudgetMeter | undefined;
  readonly softMax: number | undefined;
}

/** All limits that a request of one holder to one target has to stay within, the cheapest to look at first. */
export interface Plan {
  readonly checks: readonly Check[];
  /** Whether tokens or money are counted, so that they have to be estimated. */
  readonly isMetered: boolean;
  /** Limits of the target itself, for which a request may wait for its turn. */
  readonly shared: readonly Check[];
}

export const PICO_PER_DOLLAR = 1_000_000_000_000;

/** How much of what a check counts a request takes. */
export function amountOf(kind: LimitKind, need: Need): number {
  switch (kind) {
    case 'requests':
    case 'parallel':
      return 1;
    case 'tokens':
      return need.tokens;
    case 'budget':
      return need.cost;
  }
}

/** Whether a request that takes `amount` fits. A budget that is spent lets nothing through, not even what is free. */
export function fits({ kind, meter, max }: Check, amount: number, nowMs: number): boolean {
  if (kind === 'budget' && meter.used(nowMs) >= max) return false;
  return amount <= meter.free(max, nowMs);
}
