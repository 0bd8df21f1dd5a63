import { describe, expect, test } from 'vitest';
import { entry, llmConfig } from '../../../test/support/llm/config.ts';
import { seededRandom } from '../../../test/support/seeded-random.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import { PriceBook } from '../usage/price-book.ts';
import { Router, type Verdict } from './router.ts';

const NONE: ReadonlyMap<string, number> = new Map();
const OK: Verdict = { kind: 'answered', latencyMs: 10, tokens: 0 };
const FAILED: Verdict = {
  kind: 'failed',
  failure: new LlmFailure('upstream', 'no', { status: 502 }),
  tokens: 0,
};
const limited = (retryAfterMs: number): Verdict => ({
  kind: 'failed',
  failure: new LlmFailure('rate-limit', 'slow down', { status: 429, retryAfterMs }),
  tokens: 0,
});

const one = (id: string, params: object = {}, info: object = {}): object =>
  entry('g', { api_key: 'k', ...params }, { id, ...info });

async function routerOf(models: readonly object[], settings: object = {}) {
  const clock = { nowMs: 1_000_000 };
  const random = seededRandom(7);
  const router = new Router(await llmConfig(models, { router_settings: settings }), {
    now: () => clock.nowMs,
    random: random.next,
    prices: new PriceBook(),
  });
  const ask = (verdict: Verdict = OK, name = 'g'): string | undefined => {
    const chosen = router.choose(name, NONE);
    if (chosen === undefined) return undefined;
    router.began(chosen);
    router.ended(chosen, verdict);
    return chosen.id;
  };
  const shares = (count: number): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (let at = 0; at < count; at++) {
      const id = ask() ?? 'none';
      counts[id] = (counts[id] ?? 0) + 1;
    }
    return counts;
  };
  return { router, clock, ask, shares };
}

describe('names', () => {
  test('an alias, in the settings or of an entry, means its model', async () => {
    const { router } = await routerOf([one('a', {}, { aliases: ['y'] })], { model_group_alias: { x: 'g' } });
    for (const name of ['g', 'x', 'y']) expect(router.members(name).map(({ id }) => id)).toEqual(['a']);
    expect(router.names).toEqual(['g', 'x', 'y']);
    expect(router.members('z')).toEqual([]);
  });

  test('a wildcard passes its part of the name on, all its entries count, and the one that says most wins', async () => {
    const { router } = await routerOf([
      entry('openai/*', { model: 'openai/*' }, { id: 'a' }),
      entry('openai/*', { model: 'azure/*', api_base: 'http://az.test' }, { id: 'b' }),
      entry('openai/gpt-4*', { model: 'groq/fast-*' }, { id: 'c' }),
      entry('fixed-*', { model: 'openai/gpt-5' }, { id: 'd' }),
    ]);
    const shown = (name: string): string[] =>
      router.members(name).map(({ id, provider, model }) => `${id} ${provider} ${model}`);
    expect(shown('openai/o3')).toEqual(['a openai o3', 'b azure o3']);
    expect(shown('openai/gpt-4o')).toEqual(['c groq fast-o']);
    expect(shown('fixed-x')).toEqual(['d openai gpt-5']);
    expect(shown('openai/')).toEqual([]);
    expect(shown('other/x')).toEqual([]);
  });

  test('a wildcard of all providers takes the provider from the name', async () => {
    const { router } = await routerOf([entry('*', { model: '*' }, { id: 'any' })]);
    expect(router.members('anthropic/claude-x')).toMatchObject([
      { id: 'any', provider: 'anthropic', model: 'claude-x' },
    ]);
    expect(router.members('nobody-knows')).toEqual([]);
  });

  test('an alias may mean a wildcard', async () => {
    const { router } = await routerOf([entry('openai/*', { model: 'openai/*' })], {
      model_group_alias: { fast: 'openai/gpt-4o-mini' },
    });
    expect(router.members('fast')).toMatchObject([{ model: 'gpt-4o-mini' }]);
  });
});

describe('simple-shuffle', () => {
  test.each([
    [[{ weight: 3 }, { weight: 1 }], { a: 0.75, b: 0.25 }],
    [
      [
        { weight: 1, rpm: 1_000_000 },
        { weight: 1, rpm: 3_000_000 },
      ],
      { a: 0.5, b: 0.5 },
    ],
    [[{ rpm: 1_000_000 }, { rpm: 3_000_000 }], { a: 0.25, b: 0.75 }],
    [[{ tpm: 2_000_000 }, { tpm: 2_000_000 }], { a: 0.5, b: 0.5 }],
    [[{}, {}], { a: 0.5, b: 0.5 }],
    [[{ weight: 1 }, { weight: 0 }], { a: 1 }],
    [[{ weight: 0 }, { weight: 0 }], { a: 0.5, b: 0.5 }],
  ])('%o are asked in these shares: %o', async ([first, second], expected) => {
    const { shares } = await routerOf([one('a', first), one('b', second)]);
    const counts = shares(4_000);
    expect(Object.keys(counts).toSorted()).toEqual(Object.keys(expected));
    for (const [id, share] of Object.entries(expected)) expect(counts[id]! / 4_000).toBeCloseTo(share, 1);
  });

  test('the lowest order is asked alone, while it can be', async () => {
    const { shares, router, ask } = await routerOf(
      [one('late'), one('second', { order: 2 }), one('first', { order: 1 })],
      { allowed_fails: 0 },
    );
    expect(shares(20)).toEqual({ first: 20 });
    expect(ask(FAILED)).toBe('first');
    expect(shares(20)).toEqual({ second: 20 });
    expect(router.choose('g', new Map([['second', 1]]))?.id).toBe('late');
  });
});

describe('other strategies', () => {
  const busy = (strategy: string) =>
    routerOf([one('a', { api_key: 'k' }), one('b', { api_key: 'k' })], { routing_strategy: strategy });

  test('least-busy asks the one with the fewest requests under way, and equals in turn', async () => {
    const { router, shares } = await busy('least-busy');
    expect(Object.keys(shares(40)).toSorted()).toEqual(['a', 'b']);
    const first = router.choose('g', NONE)!;
    router.began(first);
    for (let at = 0; at < 10; at++) expect(router.choose('g', NONE)?.id).not.toBe(first.id);
    router.ended(first, OK);
  });

  test('latency-based-routing asks the fastest, those not measured first, and measures again after a while', async () => {
    const { ask, clock, router } = await busy('latency-based-routing');
    const slow = ask({ ...OK, latencyMs: 900 })!;
    const fast = ask({ ...OK, latencyMs: 30 })!;
    expect(new Set([slow, fast]).size).toBe(2);
    for (let at = 0; at < 10; at++) expect(ask({ ...OK, latencyMs: 30 })).toBe(fast);
    clock.nowMs += 250_000;
    ask({ ...OK, latencyMs: 30 });
    clock.nowMs += 100_000;
    expect(router.choose('g', NONE)?.id).toBe(slow);
  });

  test('usage-based-routing asks the one with the fewest tokens of the last minute', async () => {
    const { ask, clock } = await busy('usage-based-routing');
    const first = ask({ ...OK, tokens: 500 })!;
    const second = ask({ ...OK, tokens: 100 })!;
    expect(second).not.toBe(first);
    expect(ask({ ...OK, tokens: 300 })).toBe(second);
    expect(ask({ ...OK, tokens: 300 })).toBe(second);
    expect(ask({ ...OK, tokens: 1 })).toBe(first);
    clock.nowMs += 61_000;
    expect(ask({ ...OK, tokens: 0 })).toMatch(/a|b/);
  });

  test('cost-based-routing asks the cheapest; what nobody prices is last', async () => {
    const { ask, router } = await routerOf(
      [
        one('unpriced', { model: 'custom_openai/x', api_base: 'http://x.test' }),
        one('dear', { input_cost_per_token: 0.001, output_cost_per_token: 0.002 }),
        one('cheap', { input_cost_per_token: 0.0001, output_cost_per_token: 0.0002 }),
      ],
      { routing_strategy: 'cost-based-routing' },
    );
    for (let at = 0; at < 5; at++) expect(ask()).toBe('cheap');
    expect(router.choose('g', new Map([['cheap', 1]]))?.id).toBe('dear');
  });
});

describe('rest', () => {
  test('a deployment that fails more often than allowed in a minute rests', async () => {
    const { ask, clock } = await routerOf([one('a')], { allowed_fails: 2, cooldown_time: 30 });
    expect([ask(FAILED), ask(FAILED)]).toEqual(['a', 'a']);
    clock.nowMs += 61_000;
    // The first two are too old to count.
    expect([ask(FAILED), ask(FAILED), ask(FAILED)]).toEqual(['a', 'a', 'a']);
    expect(ask()).toBeUndefined();
    clock.nowMs += 29_999;
    expect(ask()).toBeUndefined();
    clock.nowMs += 1;
    expect(ask()).toBe('a');
  });

  test('a success makes failures forgotten', async () => {
    const { ask } = await routerOf([one('a')], { allowed_fails: 1 });
    for (let at = 0; at < 5; at++) expect([ask(FAILED), ask(OK)]).toEqual(['a', 'a']);
  });

  test('after its rest one request is let through, and decides', async () => {
    const { ask, clock, router } = await routerOf([one('a')], { allowed_fails: 0, cooldown_time: 10 });
    ask(FAILED);
    clock.nowMs += 10_000;
    const probe = router.choose('g', NONE)!;
    router.began(probe);
    expect(router.choose('g', NONE)).toBeUndefined();
    router.ended(probe, FAILED);
    expect(router.choose('g', NONE)).toBeUndefined();
    clock.nowMs += 10_000;
    // One that the client gave up says nothing: the next one decides.
    expect(ask({ kind: 'unknown', tokens: 0 })).toBe('a');
    router.began(router.choose('g', NONE)!);
    expect(router.choose('g', NONE)).toBeUndefined();
    router.ended(probe, { kind: 'refused' });
    expect([ask(), ask()]).toEqual(['a', 'a']);
  });

  test('Retry-After makes it rest for so long, whatever is allowed', async () => {
    const { ask, clock, router } = await routerOf([one('a'), one('b')], { allowed_fails: 100 });
    ask(limited(20_000));
    ask(limited(30_000));
    expect(ask()).toBeUndefined();
    expect(router.restingFailure('g')).toMatchObject({
      kind: 'rate-limit',
      status: 429,
      retryAfterMs: 20_000,
    });
    clock.nowMs += 20_000;
    expect(['a', 'b']).toContain(ask());
  });

  test('the only deployment of a group is asked on when it is busy: that may have been one large request', async () => {
    const { ask } = await routerOf([one('a')], { allowed_fails: 0 });
    expect([ask(limited(20_000)), ask(limited(20_000)), ask()]).toEqual(['a', 'a', 'a']);
    ask(FAILED);
    expect(ask()).toBeUndefined();
  });

  test('why nothing can be asked is said with the time of the first that can be again', async () => {
    const { ask, router } = await routerOf([one('a', { order: 1 }), one('b')], {
      allowed_fails: 0,
      cooldown_time: 40,
    });
    ask(limited(90_000));
    ask(FAILED);
    expect(ask()).toBeUndefined();
    expect(router.restingFailure('g')).toMatchObject({
      kind: 'overloaded',
      status: 503,
      code: 'no_healthy_deployment',
      retryAfterMs: 40_000,
    });
  });

  test('requests and tokens of a minute are bounds', async () => {
    const { ask, clock, router } = await routerOf([one('a', { order: 1, rpm: 2 }), one('b', { tpm: 100 })]);
    expect([ask(), ask(), ask({ ...OK, tokens: 99 }), ask({ ...OK, tokens: 99 })]).toEqual([
      'a',
      'a',
      'b',
      'b',
    ]);
    expect(ask()).toBeUndefined();
    const failure = router.restingFailure('g');
    expect(failure).toMatchObject({ kind: 'rate-limit', status: 429, code: 'deployments_at_limit' });
    clock.nowMs += failure.retryAfterMs!;
    expect(ask()).toBe('a');
  });
});

test('a deployment is tried again only as often as its max_retries says, and untried ones come first', async () => {
  const { router } = await routerOf([
    one('a', { order: 1, max_retries: 0 }),
    one('b', { order: 2, max_retries: 1 }),
  ]);
  const tries = new Map<string, number>();
  const chosen: (string | undefined)[] = [];
  for (let at = 0; at < 4; at++) {
    const id = router.choose('g', tries)?.id;
    chosen.push(id);
    if (id !== undefined) tries.set(id, (tries.get(id) ?? 0) + 1);
  }
  expect(chosen).toEqual(['a', 'b', 'b', undefined]);
  expect(router.hasTriesLeft('g', tries)).toBe(false);
});
