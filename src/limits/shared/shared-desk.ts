import { randomBytes } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { amountOf, type Check, type Plan } from '../accounts/check.ts';
import { type Desk, type Hold, isShort, LocalDesk, type Shortage } from '../accounts/desk.ts';
import type { LimitEvents, Need, Runs } from '../limits-ports.ts';
import { DepartedRuns, labelOf } from './departed-runs.ts';
import { Lease, leaseKind } from './lease.ts';
import {
  GRANT_MS,
  LEASE_MS,
  type Report,
  SharedCounters,
  type Told,
  type Wanted,
} from './shared-counters.ts';

export interface SharedDeskDeps {
  readonly clock: Clock;
  readonly events: Pick<LimitEvents, 'sharedUp' | 'sharedDown' | 'leftCounted'>;
  /** The processes, by the ledger that they share; without one, what a process did not live to tell is not found. */
  readonly runs: Runs | undefined;
  /** What budgets know of what was spent is to be read again. */
  readonly forgetSpending: () => void;
}

/** How many requests like this one are thought of when something is granted. */
const AHEAD = { requests: 32, tokens: 32, parallel: 8, budget: 16 } as const;
/** What a request has of one limit. `second`: when that was granted; `undefined` when nobody did, because Redis was away. */
interface Part {
  readonly lease: Lease;
  readonly amount: number;
  readonly second: number | undefined;
}

const TICK_MS = 500;
const HEARTBEAT_MS = LEASE_MS / 3;
/** How long ago a window's grant may be to be given back; later Redis has forgotten it. */
const GIVE_BACK_MS = 60_000;

/**
 * Counts together with the other processes on the same Redis. What a request needs is taken from what was granted before, without waiting; what is missing is
 * acquired, with some more for the requests that follow as long as much is left. While Redis is away, each process has its share of every limit.
 */
export class SharedDesk implements Desk, AsyncDisposable {
  readonly #clock: Clock;
  readonly #deps: SharedDeskDeps;
  readonly #local: LocalDesk;
  readonly #counters: SharedCounters;
  readonly #runs: Runs | undefined;
  readonly #departed: DepartedRuns | undefined;
  readonly #leases = new Map<string, Lease>();
  readonly #dirty = new Set<Lease>();
  readonly #tick: NodeJS.Timeout;
  /** Resolved when it is known for the first time whether limits are counted together. */
  readonly #known = Promise.withResolvers<void>();
  #isUp = false;
  #wasUp = false;
  #reason: string | undefined;
  #processes = 1;
  #unsent: Report | undefined;
  #reports = 0;
  #reporting: Promise<unknown> | undefined;
  #isScheduled = false;
  #isClosed = false;
  #beatMs = 0;

  constructor(url: string, deps: SharedDeskDeps) {
    this.#clock = deps.clock;
    this.#deps = deps;
    this.#local = new LocalDesk(() => 1 / this.#processes);
    this.#runs = deps.runs;
    this.#counters = new SharedCounters(url, deps.runs?.name ?? randomBytes(9).toString('base64url'), {
      onConnected: () => void this.#recover(),
      onLost: (reason) => this.#lose(reason),
    });
    this.#departed = deps.runs && new DepartedRuns(this.#counters, deps.runs, deps.events, deps.clock);
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
    this.#tick.unref();
  }

  get state(): { readonly isUp: boolean; readonly reason: string | undefined; readonly processes: number } {
    return { isUp: this.#isUp, reason: this.#reason, processes: this.#processes };
  }

  /** Resolves when limits are counted together, or after a while. */
  async ready(ms: number): Promise<void> {
    const timer = setTimeout(this.#known.resolve, ms);
    await this.#known.promise;
    clearTimeout(timer);
  }

  free(check: Check, nowMs: number): number {
    if (!this.#isUp) return this.#local.free(check, nowMs);
    const left = this.#leases.get(check.name)?.leftAt(nowMs);
    return left ?? check.meter.free(check.max, nowMs);
  }

  take(
    plan: Plan,
    need: Need,
    nowMs: number,
  ): Hold | readonly Shortage[] | Promise<Hold | readonly Shortage[]> {
    if (!this.#isUp) return this.#takeAlone(plan, need, nowMs);
    const leases = plan.checks.map((check) => this.#lease(check));
    const lacking: number[] = [];
    const parts = leases.map((lease, at): Part => {
      const amount = amountOf(plan.checks[at]!.kind, need);
      if (!lease.has(amount, nowMs)) lacking.push(at);
      else lease.pool -= amount;
      return { lease, amount, second: lease.second };
    });
    if (lacking.length === 0) return this.#hold(plan, parts, need, nowMs);
    return this.#acquire(plan, parts, lacking, need, nowMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#tick);
    if (this.#isUp) {
      await this.#reporting;
      for (const lease of this.#leases.values()) lease.drain();
      await this.#catchUp();
    }
    await this.#counters[Symbol.asyncDispose]();
  }

  async #acquire(
    plan: Plan,
    parts: Part[],
    lacking: readonly number[],
    need: Need,
    nowMs: number,
  ): Promise<Hold | readonly Shortage[]> {
    const wanted = lacking.map((at) => wantedOf(plan.checks[at]!, parts[at]!));
    const giveUp = (): void =>
      parts.forEach(({ lease, amount, second }, at) => {
        if (!lacking.includes(at)) this.#giveBack(lease, amount, second);
      });
    for (const at of lacking) parts[at]!.lease.acquiring++;
    try {
      const answer = await this.#counters.acquire(wanted);
      if (!answer.ok) {
        if (this.#takeLacking(parts, lacking)) return this.#hold(plan, parts, need, nowMs);
        giveUp();
        return answer.lacking.flatMap(({ free, used, reserved, waitMs }, index) => {
          const check = plan.checks[lacking[index]!]!;
          const { amount, lease } = parts[lacking[index]!]!;
          lease.learn(Math.max(0, free), this.#clock.monotonicMs());
          if (free >= amount) return [];
          check.budget?.begin(used, wanted[index]!.from);
          return [{ check, used, reserved, waitMs: waitOf(check, amount, used, waitMs) }];
        });
      }
      answer.granted.forEach(({ amount, left, spent }, index) => {
        const at = lacking[index]!;
        const part = parts[at]!;
        part.lease.isLabelled = true;
        part.lease.fill(amount, answer.second, nowMs + GRANT_MS);
        part.lease.pool -= part.amount;
        part.lease.learn(left, this.#clock.monotonicMs());
        parts[at] = { ...part, second: answer.second };
        plan.checks[at]!.budget?.begin(spent, wanted[index]!.from);
      });
      return this.#hold(plan, parts, need, nowMs);
    } catch (error) {
      giveUp();
      this.#lose(error instanceof Error ? error.message : String(error));
      return this.#takeAlone(plan, need, this.#clock.monotonicMs());
    } finally {
      for (const at of lacking) parts[at]!.lease.acquiring--;
    }
  }

  /** Takes what is lacking from what other requests of this process were granted meanwhile: all of it, or nothing and `false`. */
  #takeLacking(parts: Part[], lacking: readonly number[]): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (!lacking.every((at) => parts[at]!.lease.has(parts[at]!.amount, nowMs))) return false;
    for (const at of lacking) {
      const { lease, amount } = parts[at]!;
      lease.pool -= amount;
      parts[at] = { lease, amount, second: lease.second };
    }
    return true;
  }

  #takeAlone(plan: Plan, need: Need, nowMs: number): Hold | readonly Shortage[] {
    const outcome = this.#local.take(plan, need, nowMs);
    if (isShort(outcome)) return outcome;
    const parts = plan.checks.map((check): Part => {
      const lease = this.#lease(check);
      const amount = amountOf(check.kind, need);
      if (lease.kind !== 'w') lease.holds += amount;
      return { lease, amount, second: undefined };
    });
    return this.#wrap(outcome, plan, parts, nowMs);
  }

  #hold(plan: Plan, parts: readonly Part[], need: Need, nowMs: number): Hold {
    return this.#wrap(this.#local.force(plan, need, nowMs), plan, parts, nowMs);
  }

  /** What was taken here and is to be told to the others when it is settled. */
  #wrap(local: Hold, plan: Plan, parts: readonly Part[], atMs: number): Hold {
    const froms = plan.checks.map(({ budget }) => budget?.period.from ?? 0);
    const end = (used: Need | undefined, nowMs: number): void =>
      parts.forEach(({ lease, amount, second }, at) => {
        const really = used === undefined ? 0 : amountOf(plan.checks[at]!.kind, used);
        if (lease.kind === 'b' && really > 0) lease.use(really, froms[at]!);
        if (lease.kind !== 'w') this.#giveBack(lease, amount, 0);
        else if (really > amount && this.#isUp) lease.use(really - amount, 0);
        else if (really < amount && second !== undefined && nowMs - atMs < GIVE_BACK_MS)
          this.#giveBack(lease, amount - really, second);
        if (lease.isDirty) this.#schedule(lease);
      });
    return {
      settle: (used, nowMs) => {
        local.settle(used, nowMs);
        end(used, nowMs);
      },
      withdraw: (nowMs) => {
        local.withdraw(nowMs);
        end(undefined, nowMs);
      },
    };
  }

  /** While Redis is away, it is told of all that is held when it is back. */
  #giveBack(lease: Lease, amount: number, second: number | undefined): void {
    if (!this.#isUp) {
      if (lease.kind !== 'w') lease.holds -= amount;
      return;
    }
    lease.giveBack(amount, second ?? 0);
    this.#schedule(lease);
  }

  #lease(check: Check): Lease {
    let lease = this.#leases.get(check.name);
    if (lease !== undefined) return lease;
    const label = check.budget === undefined || this.#runs === undefined ? undefined : labelOf(check);
    lease = new Lease(check.name, leaseKind(check), label);
    this.#leases.set(check.name, lease);
    return lease;
  }

  /** Tells Redis soon, with everything that comes together until then. */
  #schedule(lease: Lease): void {
    this.#dirty.add(lease);
    this.#flush();
  }

  #flush(): void {
    if (
      this.#dirty.size === 0 ||
      this.#isScheduled ||
      this.#isClosed ||
      !this.#isUp ||
      this.#reporting !== undefined
    )
      return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isUp || this.#isClosed || this.#reporting !== undefined) return;
      this.#reporting = this.#report(this.#isBeatDue()).finally(() => {
        this.#reporting = undefined;
        this.#flush();
      });
    });
  }

  /** Never rejects. */
  async #report(isWhole: boolean): Promise<boolean> {
    const list: Told[] = [];
    // Of a lease that was forgotten while nothing of it was held, something may have been given back since.
    for (const lease of isWhole ? new Set([...this.#leases.values(), ...this.#dirty]) : this.#dirty)
      if (lease.isDirty || (isWhole && lease.kind !== 'w')) list.push(...lease.tell(isWhole));
    this.#dirty.clear();
    // In the same step as what was settled: a call's last record and what it used are told together.
    const through = this.#runs?.position() ?? 0;
    const isLast = this.#isClosed && [...this.#leases.values()].every(({ isIdle }) => isIdle);
    this.#unsent = { number: ++this.#reports, list, through, isLast };
    try {
      await this.#send(this.#unsent);
      return true;
    } catch (error) {
      this.#lose(error instanceof Error ? error.message : String(error));
      return false;
    }
  }

  /** Rejects when there is no answer; it may have arrived all the same. */
  async #send(report: Report): Promise<void> {
    const { processes, departed } = await this.#counters.report(report);
    this.#processes = Math.max(1, processes);
    this.#unsent = undefined;
    if (!this.#isClosed) this.#departed?.heard(departed);
  }

  /** Whether it is time for a sign of life; then the report that is about to be made is one. */
  #isBeatDue(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#beatMs < HEARTBEAT_MS) return false;
    this.#beatMs = nowMs;
    return true;
  }

  #onTick(): void {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#isUp) {
      void this.#recover();
      return;
    }
    for (const [name, lease] of this.#leases) {
      if (nowMs >= lease.untilMs) lease.drain();
      if (lease.isDirty) this.#schedule(lease);
      else if (lease.isIdle) this.#leases.delete(name);
    }
    if (this.#reporting !== undefined || !this.#isBeatDue()) return;
    this.#reporting = this.#report(true).then(() => {
      this.#reporting = undefined;
    });
  }

  #lose(reason: string): void {
    if (this.#isClosed) return;
    const isNews = this.#isUp || this.#reason === undefined;
    this.#reason = reason;
    this.#isUp = false;
    this.#known.resolve();
    if (!isNews) return;
    for (const lease of this.#leases.values()) lease.cut();
    this.#deps.events.sharedDown(reason);
  }

  /** Tells Redis what happened while it was away, and counts together with the others from then on. */
  async #recover(): Promise<void> {
    if (this.#isUp || this.#isClosed || this.#reporting !== undefined) return;
    const attempt = this.#catchUp();
    this.#reporting = attempt.then(() => undefined);
    const isBack = await attempt;
    this.#reporting = undefined;
    if (!isBack || this.#isClosed) return;
    // What others spent meanwhile is in the ledger.
    if (this.#wasUp) this.#deps.forgetSpending();
    this.#beatMs = this.#clock.monotonicMs();
    this.#isUp = true;
    this.#reason = undefined;
    this.#known.resolve();
    this.#deps.events.sharedUp(this.#wasUp);
    this.#wasUp = true;
    void this.#departed?.begin();
  }

  /** Never rejects. */
  async #catchUp(): Promise<boolean> {
    const unsent = this.#unsent;
    try {
      if (unsent !== undefined)
        // Told again under its number, so that it counts once, whether it arrived the first time or not.
        await this.#send(unsent);
    } catch {
      return false;
    }
    return this.#report(true);
  }
}

function wantedOf({ kind, max, budget }: Check, { lease, amount }: Part): Wanted {
  return {
    name: lease.name,
    kind: lease.kind,
    max,
    need: amount,
    want: AHEAD[kind] * amount,
    from: budget?.period.from ?? 0,
    spent: budget?.used() ?? 0,
    label: lease.label,
  };
}

function waitOf({ max, budget }: Check, amount: number, used: number, waitMs: number): number | undefined {
  if (amount > max) return undefined;
  return budget !== undefined && used + amount > max ? budget.untilFree(max, max) : waitMs;
}
