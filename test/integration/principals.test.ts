import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Era } from '../support/clients/whole-client.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { ROOT, startProgram, type TestProcess } from '../support/process.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { connectTwo, EVERYONE, KEYS, textOf, type Two, type Who } from '../support/two-clients.ts';
import { verifies } from '../support/verifies.ts';

type Pair = readonly [Era, Era];
const PAIRS: readonly Pair[] = [
  ['legacy', 'legacy'],
  ['modern', 'modern'],
  ['legacy', 'modern'],
];
const SERVERS = ['stdio', 'stdiomodern', 'http', 'httpmodern', 'httpsse'] as const;
/** The same without a gateway, for what they share: it shows that clients and servers of this test do what is asked of a gateway. */
const DIRECT: readonly (readonly [mode: string, pair: Pair])[] = [
  ['2025-11-25', ['legacy', 'legacy']],
  ['modern', ['modern', 'modern']],
];
/** Calls that each client has in flight at once. */
const CALLS = 150;
const HELD = 20;
const QUESTIONS = 20;
const ROUND_IDS = 1_000;
const LOAD_MS = 30_000;
const seed = Number(process.env['TEST_SEED'] ?? 20_261_121);

let gateway: TestGateway;
const upstreams: TestProcess[] = [];

async function startUpstream(mode: string): Promise<string> {
  const upstream = await startProgram('test/support/upstreams/nonce-http.ts', [mode]);
  upstreams.push(upstream);
  return `http://127.0.0.1:${upstream.ready}`;
}

beforeAll(async () => {
  const stdio = (mode: string) => ({
    command: process.execPath,
    args: [join(ROOT, 'test/support/upstreams/nonce-stdio.ts'), mode],
  });
  gateway = await startGateway({
    config: configWith(
      {
        stdio: stdio('2025-11-25'),
        stdiomodern: stdio('modern'),
        stdiosession: { ...stdio('2025-11-25'), isolation: 'session' },
        stdiokey: { ...stdio('2025-11-25'), isolation: 'key' },
        http: { transport: 'http', url: `${await startUpstream('2025-11-25')}/mcp` },
        httpmodern: { transport: 'http', url: `${await startUpstream('modern')}/mcp` },
        httpsse: { transport: 'sse', url: `${await startUpstream('sse')}/sse` },
      },
      {
        limits: { in_flight_per_session_max: 1_000 },
        virtual_keys: EVERYONE.map((who) => ({ api_key: KEYS[who], key_alias: who, mcp_servers: ['*'] })),
      },
    ),
  });
}, 90_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await Promise.all(upstreams.map((upstream) => upstream[Symbol.asyncDispose]()));
});

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const nonceOf = (who: Who, id: number): string => `${who}-${id}`;
const options = { timeout: LOAD_MS };

/** Two clients that use the same request ids and progress tokens at the same time. */
function answers(pair: Pair, open: () => Promise<Two>): void {
  /** Sends all calls of both at once; how many steps of progress each was asked for, by its number. */
  const load = async (two: Two, maxSteps: number): Promise<number[]> => {
    const random = seededRandom(seed);
    const steps = range(CALLS).map(() => random.int(maxSteps + 1));
    const calls = EVERYONE.flatMap((who) =>
      range(CALLS).map(async (id) => {
        const nonce = nonceOf(who, id);
        const answer = await two[who].call(id, 'echo', { nonce, steps: steps[id - 1]! });
        expect(textOf(answer)).toBe(nonce);
        expect(answer.result?.['structuredContent']).toEqual({ nonce, steps: steps[id - 1]! });
      }),
    );
    await Promise.all(calls);
    return steps;
  };

  it('each get their own results', options, async () => {
    verifies('pain:03-one-child-for-two-users');
    await using two = await open();
    await load(two, 0);
    for (const who of EVERYONE) expect(two[who].strays).toEqual([]);
  });

  it(`each get their own progress, whole and in order (seed ${seed})`, options, async () => {
    await using two = await open();
    const steps = await load(two, 3);
    for (const who of EVERYONE) {
      const { progress, strays } = two[who];
      const seen = range(CALLS).map((id) => progress.filter(({ token }) => token === id));
      expect(seen.map((list) => list.map(({ message }) => message))).toEqual(
        range(CALLS).map((id) => range(steps[id - 1]!).map((step) => `${nonceOf(who, id)} ${step}`)),
      );
      expect(progress.length).toBe(steps.reduce((sum, count) => sum + count, 0));
      expect(progress.filter(({ token, via }) => via !== undefined && via !== token)).toEqual([]);
      expect(strays).toEqual([]);
    }
  });

  it('cancel only their own calls', options, async () => {
    await using two = await open();
    const tag = `held-${pair.join('-')}`;
    const ids = range(HELD);
    const nonces = (who: Who, of = ids) => of.map((id) => `${tag}-${nonceOf(who, id)}`);
    const hold = (who: Who) =>
      nonces(who).map((nonce, index) =>
        two[who].call(index + 1, 'hold', { nonce }).then(textOf, () => 'gone'),
      );
    const [anns, bens] = [hold('ann'), hold('ben')];
    await two.stateThat(tag, ({ held }) => held.length === 2 * HELD);
    const [kept, gone] = [ids.filter((id) => id % 2 === 1), ids.filter((id) => id % 2 === 0)];
    for (const id of gone) await two.ann.cancel(id);
    const { cancelled } = await two.stateThat(tag, (state) => state.cancelled.length >= gone.length);
    expect(cancelled).toEqual(nonces('ann', gone).sort());
    for (const who of EVERYONE) await two[who].call(20_000, 'release', { nonce: 'release' });
    expect(await Promise.all(bens)).toEqual(nonces('ben'));
    expect(await Promise.all(anns.filter((_, index) => kept.includes(index + 1)))).toEqual(
      nonces('ann', kept),
    );
    expect((await two.stateThat(tag, ({ held }) => held.length === 0)).cancelled).toEqual(cancelled);
  });
}

/** Two clients whose calls ask them something, at the same time and with the same request ids. */
function questions(pair: Pair, open: () => Promise<Two>): void {
  it.each([
    ['ask', (who: Who, nonce: string) => `${nonce} accept ${who} to ${nonce}`],
    ['sample', (who: Who, nonce: string) => `${nonce} sampled ${who} to ${nonce}`],
    ['roots', (who: Who, nonce: string) => `${nonce} roots file:///${who}`],
  ] as const)('are each asked only what their own calls ask (%s)', options, async (tool, expected) => {
    await using two = await open();
    const ids = (round: number) => range(QUESTIONS).map((id) => id + round * ROUND_IDS);
    const ask = async (who: Who, round: number): Promise<string[]> =>
      await Promise.all(
        ids(round).map(async (id) => textOf(await two[who].call(id, tool, { nonce: nonceOf(who, id) }))),
      );
    // What a shared connection can learn only from the first question may cost calls of the first round, but may not mix them up.
    const first = await Promise.all(EVERYONE.map((who) => ask(who, 1)));
    const second = await Promise.all(EVERYONE.map((who) => ask(who, 2)));
    for (const [index, who] of EVERYONE.entries()) {
      const other = who === 'ann' ? 'ben' : 'ann';
      expect(first[index]!.filter((text) => text.includes(other))).toEqual([]);
      expect(second[index]).toEqual(ids(2).map((id) => expected(who, nonceOf(who, id))));
      const asked = two[who].questions.map(({ params, via }) => ({ text: JSON.stringify(params), via }));
      expect(asked.filter(({ text }) => text.includes(`${other}-`))).toEqual([]);
      // In the modern era a question is the result of a call, so that it must be that call's.
      if (pair[index] === 'modern' && tool !== 'roots')
        expect(asked.filter(({ text, via }) => !text.includes(`"${nonceOf(who, Number(via))}"`))).toEqual([]);
      expect(two[who].strays).toEqual([]);
    }
  });
}

describe.each(SERVERS)('two keys on one %s server', (server) => {
  const open = (pair: Pair) => connectTwo(pair, gateway.url, `/${server}/mcp`);

  it('share one process of it', async () => {
    await using two = await open(['legacy', 'modern']);
    expect((await two.stateThat('', () => true)).pids).toHaveLength(1);
  });

  // Questions come last: a server that asks on a shared connection is given connections of its own for each client from then on.
  describe.each(PAIRS)('through a %s and a %s client', (...pair) => {
    answers(pair, () => open(pair));
  });
  describe.each(PAIRS)('that asks a %s and a %s client', (...pair) => {
    questions(pair, () => open(pair));
  });

  it.each(PAIRS)(
    'still answer a %s and a %s client each their own after questions',
    options,
    async (...pair) => {
      await using two = await open(pair);
      const sent = EVERYONE.flatMap((who) =>
        range(QUESTIONS).map((id) => ({ who, id, nonce: nonceOf(who, id) })),
      );
      const received = await Promise.all(
        sent.map(async ({ who, id, nonce }) => textOf(await two[who].call(id, 'echo', { nonce, steps: 0 }))),
      );
      expect(received).toEqual(sent.map(({ nonce }) => nonce));
    },
  );
});

describe.each(['stdiosession', 'stdiokey'])('two keys on a %s server that is not shared', (server) => {
  const open = () => connectTwo(['legacy', 'legacy'], gateway.url, `/${server}/mcp`);

  it('have a process each', async () => {
    verifies('pain:03-one-child-for-two-users');
    await using two = await open();
    expect((await two.stateThat('', () => true)).pids).toHaveLength(2);
  });

  answers(['legacy', 'legacy'], open);
  questions(['legacy', 'legacy'], open);
});

describe.each(DIRECT)('two clients of one %s server without a gateway', (mode, pair) => {
  const open = async () => connectTwo(pair, await startUpstream(mode), '/mcp');
  answers(pair, open);
  questions(pair, open);
});
