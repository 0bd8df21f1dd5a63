import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../test/support/seeded-random.ts';
import { verifies } from '../../test/support/verifies.ts';
import { systemClock } from '../core/clock.ts';
import { calendarOf, UTC } from './budget-period.ts';
import { Limits, type TargetLimits } from './limits.ts';
import type {
  Account,
  Admission,
  Ask,
  LimitEvents,
  LimitSet,
  Need,
  Refusal,
  SpendHistory,
} from './limits-ports.ts';

const seed = Number(process.env['TEST_SEED'] ?? 20_261_121);
const DOLLAR = 1_000_000_000_000;
const WINDOW_MS = 60_000;

const NO_EVENTS: LimitEvents = {
  softBudget: () => undefined,
  historyUnknown: () => undefined,
  sharedUp: () => undefined,
  sharedDown: () => undefined,
  leftCounted: () => undefined,
};
const NO_HISTORY: SpendHistory = { spentSince: () => Promise.resolve(0) };

function targets(more: Partial<TargetLimits> = {}): TargetLimits {
  return {
    models: new Map(),
    servers: new Map(),
    canonical: (name) => name,
    priority: { reservation: {}, waitMs: 10_000 },
    ...more,
  };
}

const account = (id: string, limits: LimitSet, scope: Account['scope'] = 'key'): Account => ({
  scope,
  id,
  limits,
});

function ask(allowances: readonly Account[], need: Need, more: Partial<Ask> = {}): Ask {
  return {
    holder: { id: 'h', allowances },
    target: { scope: 'model', id: 'm' },
    estimate: () => need,
    ...more,
  };
}

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-11-21T12:00:00Z') }));
afterEach(() => void vi.useRealTimers());

interface Live {
  readonly admission: Admission;
  readonly accounts: readonly number[];
  readonly need: Need;
  readonly at: number;
}

/** Everything that was let through, kept as it was, and looked through from the start for each question. */
class NaiveModel {
  readonly entries: {
    account: number;
    at: number;
    tokens: number;
    cost: number;
    isLive: boolean;
    reserved: number;
  }[] = [];

  requests(one: number, from: number): number {
    return this.entries.filter(({ account: id, at }) => id === one && at >= from).length;
  }

  tokens(one: number, from: number): number {
    return this.#sum(one, ({ at, tokens }) => (at >= from ? tokens : 0));
  }

  parallel(one: number): number {
    return this.#sum(one, ({ isLive }) => (isLive ? 1 : 0));
  }

  money(one: number): number {
    return this.#sum(one, ({ isLive, cost, reserved }) => (isLive ? reserved : cost));
  }

  #sum(one: number, value: (entry: NaiveModel['entries'][number]) => number): number {
    return this.entries.reduce((sum, entry) => (entry.account === one ? sum + value(entry) : sum), 0);
  }
}

describe('random schedules', () => {
  it('let through all that fits and nothing that does not, on every account at once', async () => {
    verifies('limits:window');
    for (let round = 0; round < 25; round++) {
      const random = seededRandom(seed + round);
      const limits = Array.from({ length: 3 }, () => ({
        requestsPerMinute: 3 + random.int(10),
        tokensPerMinute: 200 + random.int(2_000),
        parallelRequests: 1 + random.int(6),
        maxBudget: 1 + random.int(40),
      }));
      const accounts = limits.map((set, at) => account(`k${at}`, set));
      const holders = [
        [accounts[0]!],
        [accounts[1]!],
        [accounts[0]!, accounts[2]!],
        [accounts[1]!, accounts[2]!],
      ];
      const subject = new Limits(targets(), { clock: systemClock, history: NO_HISTORY, events: NO_EVENTS });
      const model = new NaiveModel();
      let live: (Live & { readonly rows: number[] })[] = [];
      for (let step = 0; step < 400; step++) {
        vi.advanceTimersByTime(random.int(3) === 0 ? random.int(15_000) : random.int(300));
        const now = performance.now();
        const holder = random.pick(holders);
        const mine = holder.map((one) => accounts.indexOf(one));
        const need = { tokens: random.int(300), cost: random.int(3) * DOLLAR };
        const fits = (windowMs: number): boolean =>
          mine.every((one) => {
            const set = limits[one]!;
            const spent = model.entries.reduce(
              (sum, entry) => (entry.account === one && !entry.isLive ? sum + entry.cost : sum),
              0,
            );
            return (
              model.requests(one, now - windowMs) + 1 <= set.requestsPerMinute &&
              model.tokens(one, now - windowMs) + need.tokens <= set.tokensPerMinute &&
              model.parallel(one) + 1 <= set.parallelRequests &&
              model.money(one) + need.cost <= set.maxBudget * DOLLAR &&
              spent < set.maxBudget * DOLLAR
            );
          });
        const verdict = await subject.admit(ask(holder, need));
        // A window forgets up to 0.1 s late, and never early.
        if (verdict.kind === 'admitted') expect(fits(WINDOW_MS)).toBe(true);
        else expect(fits(WINDOW_MS + 100)).toBe(false);
        if (verdict.kind === 'admitted') {
          const rows = mine.map(
            (one) =>
              model.entries.push({
                account: one,
                at: now,
                tokens: need.tokens,
                cost: 0,
                isLive: true,
                reserved: need.cost,
              }) - 1,
          );
          live.push({ admission: verdict, accounts: mine, need, at: now, rows });
        }
        while (live.length > 0 && random.int(3) > 0) {
          const one = random.pick(live);
          live = live.filter((other) => other !== one);
          const used = {
            tokens: random.int(one.need.tokens + 1),
            cost: one.need.cost === 0 ? 0 : random.int(2) * DOLLAR,
          };
          one.admission.settle(used);
          // Only the first end counts.
          one.admission.settle({ tokens: 1e9, cost: 1e18 });
          one.admission.withdraw();
          for (const row of one.rows) Object.assign(model.entries[row]!, { ...used, isLive: false });
        }
      }
    }
  });

  it('are told when to come again, and are let through then and not before', async () => {
    for (let round = 0; round < 200; round++) {
      const random = seededRandom(seed + round);
      const holder = [account('k', { requestsPerMinute: 2 + random.int(4), tokensPerMinute: 1_000 })];
      const subject = new Limits(targets(), { clock: systemClock, history: NO_HISTORY, events: NO_EVENTS });
      const need = { tokens: 100 + random.int(300), cost: 0 };
      let refusal: Refusal | undefined;
      while (refusal === undefined) {
        vi.advanceTimersByTime(random.int(8_000));
        const verdict = await subject.admit(ask(holder, need));
        if (verdict.kind === 'refused') refusal = verdict;
      }
      const wait = refusal.retryAfterMs!;
      expect(wait).toBeGreaterThan(0);
      vi.advanceTimersByTime(Math.floor(wait) - 1);
      expect((await subject.admit(ask(holder, need))).kind).toBe('refused');
      vi.advanceTimersByTime(2);
      expect((await subject.admit(ask(holder, need))).kind).toBe('admitted');
    }
  });
});

describe('an admission', () => {
  it('counts for nothing when it is withdrawn, and gives back what was not used when it is settled', async () => {
    const holder = [account('k', { requestsPerMinute: 2, tokensPerMinute: 100, parallelRequests: 1 })];
    const subject = new Limits(targets(), { clock: systemClock, history: NO_HISTORY, events: NO_EVENTS });
    const let_ = async (tokens: number): Promise<Admission | Refusal> =>
      subject.admit(ask(holder, { tokens, cost: 0 }));
    const first = await let_(100);
    expect((await let_(0)).kind).toBe('refused');
    (first as Admission).withdraw();
    expect(first.standing()).toMatchObject({ requests: { remaining: 2 }, tokens: { remaining: 100 } });
    const second = (await let_(100)) as Admission;
    second.settle({ tokens: 30, cost: undefined });
    expect(second.standing()).toMatchObject({ requests: { remaining: 1 }, tokens: { remaining: 70 } });
    const third = (await let_(70)) as Admission;
    third.settle({ tokens: undefined, cost: undefined });
    expect(third.standing()).toMatchObject({ requests: { remaining: 0 }, tokens: { remaining: 0 } });
  });

  it('is tried with the closer estimate before it is refused', async () => {
    const holder = [account('k', { tokensPerMinute: 100 })];
    const subject = new Limits(targets(), { clock: systemClock, history: NO_HISTORY, events: NO_EVENTS });
    const closer = vi.fn<() => Need>(() => ({ tokens: 60, cost: 0 }));
    expect((await subject.admit(ask(holder, { tokens: 40, cost: 0 }, { closer }))).kind).toBe('admitted');
    expect(closer).not.toHaveBeenCalled();
    expect((await subject.admit(ask(holder, { tokens: 80, cost: 0 }, { closer }))).kind).toBe('admitted');
    const refused = await subject.admit(ask(holder, { tokens: 80, cost: 0 }, { closer }));
    expect(refused).toMatchObject({ kind: 'refused', limit: 'tokens', used: 100, rule: 'key k.tpm_limit' });
    expect(closer).toHaveBeenCalledTimes(2);
  });

  it('names the limit that lasts longest', async () => {
    const day = 86_400_000;
    const holder = [
      account('k', { requestsPerMinute: 0, parallelRequests: 0 }),
      account('t', { maxBudget: 0, budgetDurationMs: day }, 'team'),
    ];
    const subject = new Limits(targets(), { clock: systemClock, history: NO_HISTORY, events: NO_EVENTS });
    expect(await subject.admit(ask(holder, { tokens: 0, cost: 0 }))).toMatchObject({
      rule: expect.stringMatching(/^key k\.(rpm_limit|max_parallel_requests)$/) as unknown,
      retryAfterMs: undefined,
    });
    const other = [account('u', { requestsPerMinute: 1 }), holder[1]!];
    expect(await subject.admit(ask(other, { tokens: 0, cost: 0 }))).toMatchObject({
      rule: 'team t.max_budget',
      retryAfterMs: day / 2,
    });
  });
});

describe('what was spent before', () => {
  it('is asked for once, and by all that wait for it', async () => {
    const answers = Promise.withResolvers<number>();
    const spentSince = vi.fn<SpendHistory['spentSince']>(() => answers.promise);
    const subject = new Limits(targets(), { clock: systemClock, history: { spentSince }, events: NO_EVENTS });
    const holder = [account('k', { maxBudget: 10, budgetDurationMs: 86_400_000 })];
    const verdicts = Array.from({ length: 20 }, () =>
      Promise.resolve(subject.admit(ask(holder, { tokens: 0, cost: DOLLAR }))),
    );
    answers.resolve(7);
    const kinds = (await Promise.all(verdicts)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'admitted')).toHaveLength(3);
    expect(spentSince.mock.calls).toEqual([
      [expect.objectContaining({ scope: 'key', id: 'k' }), Date.parse('2026-11-21T00:00:00Z'), undefined],
    ]);
  });

  it('is asked for since midnight of the time zone, and anew in another one', async () => {
    verifies('limits:time-zone');
    const spentSince = vi.fn<SpendHistory['spentSince']>((_of, since) =>
      Promise.resolve(since % 7_200_000 === 0 ? 10 : 0),
    );
    const deps = { clock: systemClock, history: { spentSince }, events: NO_EVENTS };
    const subject = new Limits(targets({ calendar: calendarOf('Europe/Berlin') }), deps);
    const holder = [account('k', { maxBudget: 10, budgetDurationMs: 86_400_000 })];
    const admit = async () => (await subject.admit(ask(holder, { tokens: 0, cost: 0 }))).kind;
    expect(await admit()).toBe('admitted');
    subject.reconfigure(targets({ calendar: UTC }));
    expect(await admit()).toBe('refused');
    subject.reconfigure(targets({ calendar: calendarOf('Europe/Berlin') }));
    expect(await admit()).toBe('admitted');
    expect(spentSince.mock.calls.map(([, since]) => new Date(since).toISOString())).toEqual([
      '2026-11-20T23:00:00.000Z',
      '2026-11-21T00:00:00.000Z',
    ]);
  });

  it('begins with what an operator set, and the ledger from then on', async () => {
    const at = Date.parse('2026-11-21T11:00:00Z');
    const spentSince = vi.fn<SpendHistory['spentSince']>(() => Promise.resolve(1));
    const subject = new Limits(targets(), { clock: systemClock, history: { spentSince }, events: NO_EVENTS });
    const holder = [{ ...account('k', { maxBudget: 10 }), spendBase: { usd: 8, at } }];
    expect(await subject.admit(ask(holder, { tokens: 0, cost: 2 * DOLLAR }))).toMatchObject({
      kind: 'refused',
      used: 9 * DOLLAR,
    });
    expect(spentSince.mock.calls).toEqual([
      [expect.objectContaining({ scope: 'key', id: 'k' }), at, undefined],
    ]);
  });

  it('counts from zero while it cannot be read, which is said, and is read when it can be', async () => {
    const historyUnknown = vi.fn<LimitEvents['historyUnknown']>();
    let isAway = true;
    const spentSince = (): Promise<number> =>
      isAway ? Promise.reject(new Error('away')) : Promise.resolve(9);
    const subject = new Limits(targets(), {
      clock: systemClock,
      history: { spentSince },
      events: { ...NO_EVENTS, historyUnknown },
    });
    const holder = [account('k', { maxBudget: 10 })];
    const go = () => subject.admit(ask(holder, { tokens: 0, cost: 2 * DOLLAR }));
    ((await go()) as Admission).settle({ tokens: 0, cost: 0 });
    expect((await go()).kind).toBe('admitted');
    expect(historyUnknown).toHaveBeenCalledTimes(1);
    isAway = false;
    vi.advanceTimersByTime(5_001);
    expect((await go()).kind).toBe('refused');
  });
});

it('keeps what was counted when the configuration changes, and takes the new limits', async () => {
  const limited = (requestsPerMinute: number): TargetLimits =>
    targets({ models: new Map([['m', account('m', { requestsPerMinute }, 'model')]]) });
  const subject = new Limits(limited(1), { clock: systemClock, history: NO_HISTORY, events: NO_EVENTS });
  const holder: readonly Account[] = [];
  const go = async (): Promise<string> => (await subject.admit(ask(holder, { tokens: 0, cost: 0 }))).kind;
  expect([await go(), await go()]).toEqual(['admitted', 'refused']);
  subject.reconfigure(limited(2));
  expect([await go(), await go()]).toEqual(['admitted', 'refused']);
});

describe('turns', () => {
  const queued = (limits: LimitSet, reservation: Readonly<Record<string, number>>): Limits =>
    new Limits(
      targets({
        models: new Map([['m', account('m', limits, 'model')]]),
        priority: { reservation, waitMs: 10_000 },
      }),
      { clock: systemClock, history: NO_HISTORY, events: NO_EVENTS },
    );
  const of = (priority: string, id: string, need: Need = { tokens: 0, cost: 0 }): Ask => ({
    ...ask([], need),
    holder: { id, allowances: [], priority },
  });

  it('under steady load come in proportion to shares, and nobody starves', async () => {
    const subject = queued({ requestsPerMinute: 60 }, { prod: 0.7, dev: 0.2, batch: 0.1 });
    const served: Record<string, number> = { prod: 0, dev: 0, batch: 0 };
    // All want more than there is, all the time.
    for (let second = 0; second < 300; second++) {
      for (const name of Object.keys(served))
        for (let one = 0; one < 2; one++)
          void Promise.resolve(subject.admit(of(name, `${name}${one}`))).then((verdict) => {
            if (verdict.kind === 'admitted' && second >= 60) served[name]!++;
          });
      await vi.advanceTimersByTimeAsync(1_000);
    }
    const total = Object.values(served).reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThan(190);
    expect(served['prod']! / total).toBeCloseTo(0.7, 1);
    expect(served['dev']! / total).toBeCloseTo(0.2, 1);
    expect(served['batch']! / total).toBeCloseTo(0.1, 1);
  });

  it('are not overtaken by smaller requests that fit', async () => {
    const subject = queued({ tokensPerMinute: 100 }, { only: 1 });
    expect((await subject.admit(of('only', 'a', { tokens: 60, cost: 0 }))).kind).toBe('admitted');
    await vi.advanceTimersByTimeAsync(55_000);
    const order: string[] = [];
    const large = Promise.resolve(subject.admit(of('only', 'b', { tokens: 90, cost: 0 }))).then(() =>
      order.push('large'),
    );
    const small = Promise.resolve(subject.admit(of('only', 'c', { tokens: 10, cost: 0 }))).then(() =>
      order.push('small'),
    );
    await vi.advanceTimersByTimeAsync(6_000);
    await Promise.all([large, small]);
    expect(order).toEqual(['large', 'small']);
  });

  it('are waited for by so many at most', async () => {
    verifies('limits:priority-bounds');
    const subject = queued({ parallelRequests: 1 }, { only: 1 });
    const first = (await subject.admit(of('only', 'a'))) as Admission;
    const waiting = Array.from({ length: 1_000 }, () => Promise.resolve(subject.admit(of('only', 'a'))));
    expect(subject.stats().waiting).toBe(1_000);
    expect((await subject.admit(of('only', 'a'))).kind).toBe('refused');
    first.settle({ tokens: 0, cost: 0 });
    expect((await waiting[0]!).kind).toBe('admitted');
    await vi.advanceTimersByTimeAsync(10_000);
    expect((await Promise.all(waiting)).filter(({ kind }) => kind === 'refused')).toHaveLength(999);
    expect(subject.stats().waiting).toBe(0);
  });

  it('are refused at once where they cannot come in time', async () => {
    const subject = queued({ requestsPerMinute: 1, maxBudget: 5 }, { only: 1 });
    expect((await subject.admit(of('only', 'a'))).kind).toBe('admitted');
    expect(await subject.admit(of('only', 'a'))).toMatchObject({ kind: 'refused', waitedMs: 0 });
    expect(await subject.admit(of('only', 'a', { tokens: 0, cost: 6 * DOLLAR }))).toMatchObject({
      kind: 'refused',
      waitedMs: 0,
    });
  });
});
