import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Limits } from '../../src/limits/limits.ts';
import type { Account, Admission, Need, Refusal } from '../../src/limits/limits-ports.ts';
import { REDIS_MS, startRedis, type TestRedis } from '../support/redis.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { verifies } from '../support/verifies.ts';

const seed = Number(process.env['TEST_SEED'] ?? 20_261_121);
const DOLLAR = 1_000_000_000_000;
const CONNECT_MS = 5_000;
/** Longer than what a process holds is kept without a sign of life. */
const HELD_MS = 12_000;

let redis: TestRedis;
let open: Limits[] = [];

beforeAll(async () => {
  redis = await startRedis();
}, REDIS_MS);

afterEach(async () => {
  for (const limits of open) await limits[Symbol.asyncDispose]();
  open = [];
});

afterAll(() => redis?.[Symbol.asyncDispose]());

async function connected(): Promise<Limits> {
  const limits = new Limits(
    {
      models: new Map(),
      servers: new Map(),
      canonical: (name) => name,
      priority: { reservation: {}, waitMs: 1_000 },
    },
    {
      clock: systemClock,
      history: { spentSince: () => Promise.resolve(0) },
      events: {
        softBudget: () => undefined,
        historyUnknown: () => undefined,
        sharedUp: () => undefined,
        sharedDown: () => undefined,
        leftCounted: () => undefined,
      },
      redisUrl: redis.url,
    },
  );
  open.push(limits);
  await limits.ready(CONNECT_MS);
  expect(limits.stats().shared).toMatchObject({ isUp: true });
  return limits;
}

function holder(id: string, limits: Account['limits']) {
  return { id, allowances: [{ scope: 'key', id, limits } as const], priority: undefined };
}

const admit = async (
  limits: Limits,
  who: ReturnType<typeof holder>,
  need: Need = { tokens: 0, cost: 0 },
): Promise<Admission | Refusal> =>
  limits.admit({ holder: who, target: { scope: 'model', id: 'm' }, estimate: () => need });

test('random requests at three processes are never over, and in the end as much is spent as all of them told', async () => {
  verifies('limits:shared');
  for (let round = 0; round < 5; round++) {
    const random = seededRandom(seed + round);
    const processes = [await connected(), await connected(), await connected()];
    const [dollars, slots] = [20 + random.int(60), 2 + random.int(150)];
    const who = holder(`random-${seed}-${round}`, { maxBudget: dollars, parallelRequests: slots });
    let [inFlight, reserved, spent] = [0, 0, 0];
    const one = async (): Promise<void> => {
      for (let step = 0; step < 30; step++) {
        const cost = random.int(4) * DOLLAR;
        const verdict = await admit(random.pick(processes), who, { tokens: 0, cost });
        if (verdict.kind === 'refused') {
          await new Promise((resolve) => setImmediate(resolve));
          continue;
        }
        inFlight++;
        reserved += cost;
        expect(inFlight).toBeLessThanOrEqual(slots);
        expect(spent + reserved).toBeLessThanOrEqual(dollars * DOLLAR);
        for (let turn = random.int(5); turn > 0; turn--)
          await new Promise((resolve) => setImmediate(resolve));
        const used = cost === 0 ? 0 : random.int(2) * (cost / 2);
        inFlight--;
        reserved -= cost;
        if (random.int(5) === 0) verdict.withdraw();
        else {
          spent += used;
          verdict.settle({ tokens: 0, cost: used });
        }
      }
    };
    await Promise.all(Array.from({ length: 40 }, one));
    for (const limits of processes) await limits[Symbol.asyncDispose]();
    const late = await connected();
    const refusal = await admit(late, who, { tokens: 0, cost: (dollars + 1) * DOLLAR });
    expect(refusal).toMatchObject({ kind: 'refused', used: spent, reserved: 0 });
  }
}, 60_000);

test('what is in flight for long stays held, however busy its process is', async () => {
  verifies('limits:shared');
  const [one, other] = [await connected(), await connected()];
  const slow = holder('slow', { parallelRequests: 1 });
  const busy = holder('busy', { maxBudget: 1_000_000 });
  const held = await admit(one, slow);
  expect(held.kind).toBe('admitted');
  const until = performance.now() + HELD_MS;
  while (performance.now() < until) {
    const verdict = await admit(one, busy, { tokens: 0, cost: DOLLAR });
    if (verdict.kind === 'admitted') verdict.settle({ tokens: 0, cost: 1 });
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await admit(other, slow)).kind).toBe('refused');
  (held as Admission).settle({ tokens: 0, cost: 0 });
  while ((await admit(other, slow)).kind === 'refused');
}, 60_000);
