import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Arrivals } from '../support/arrivals.ts';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { ask, rowsOf } from '../support/limited.ts';
import { startProvider, type TestProvider } from '../support/llm/provider.ts';
import { verifies } from '../support/verifies.ts';

let provider: TestProvider;
let gateway: TestGateway;
let held: Arrivals<() => void>;

const ANSWER = JSON.stringify({
  id: 'c1',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 },
});

const keyOf = (alias: string): string => `sk-priority-${alias}`;
const key = (alias: string, priority?: string): Record<string, unknown> => ({
  api_key: keyOf(alias),
  key_alias: alias,
  models: ['*'],
  ...(priority === undefined ? {} : { priority }),
});

beforeAll(async () => {
  provider = await startProvider();
  const model = (name: string) => ({
    model_name: name,
    litellm_params: { model: 'openai/m', api_base: provider.url, api_key: 'sk-p' },
  });
  const mock = (name: string) => ({
    model_name: name,
    litellm_params: { model: 'openai/m', mock_response: 'Hi' },
  });
  gateway = await startGateway({
    config: configWith(
      {},
      {
        model_list: [model('single'), mock('lent'), mock('held'), model('deployments')],
        router_settings: {
          model_group_limits: {
            single: { max_parallel_requests: 1 },
            lent: { rpm_limit: 10 },
            held: { rpm_limit: 10 },
          },
        },
        litellm_settings: { priority_reservation: { prod: 0.9, dev: 0.1 }, priority_queue_timeout: 6 },
        virtual_keys: [
          key('prod-a', 'prod'),
          key('prod-b', 'prod'),
          key('dev-a', 'dev'),
          key('dev-b', 'dev'),
          key('unknown', 'vip'),
          key('gone', 'dev'),
          key('late', 'dev'),
        ],
      },
    ),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

beforeEach(() => {
  held = new Arrivals();
  provider.answer(() => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held.add(resolve);
    return { body: [promise, ANSWER] };
  });
});

async function waiting(): Promise<number> {
  const health = await http(`${gateway.url}/health`, { headers: { authorization: `Bearer ${gateway.key}` } });
  return health.json<{ limits: { waiting: number } }>().limits.waiting;
}

async function until(count: number): Promise<void> {
  while ((await waiting()) !== count);
}

async function reached(count: number): Promise<void> {
  await held.at(count - 1);
}

/** What the last message of each request to the provider said. */
const said = (from: number): string[] =>
  provider.requests.slice(from).map(({ body }) => {
    const messages = body['messages'] as readonly { readonly content: string }[];
    return messages.at(-1)!.content;
  });

const say = (alias: string, text = alias) =>
  ask(gateway.url, keyOf(alias), 'single', 'chat', { messages: [{ role: 'user', content: text }] });

describe('requests over the limit of a model', () => {
  test('wait for their turn: by the shares of their classes, and within one key by key', async () => {
    verifies('limits:priority');
    const from = provider.requests.length;
    const answers = [ask(gateway.url, gateway.key, 'single')];
    await reached(1);
    for (const [at, [alias, text]] of [
      ['dev-a', 'dev 1'],
      ['dev-a', 'dev 2'],
      ['prod-a', 'prod a1'],
      ['prod-a', 'prod a2'],
      ['prod-b', 'prod b1'],
      ['dev-b', 'dev b1'],
    ].entries()) {
      answers.push(say(alias!, text));
      await until(at + 1);
    }
    for (let at = 0; at < 7; at++) {
      await reached(at + 1);
      held.all[at]!();
    }
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(7).fill(200));
    expect(said(from).slice(1)).toEqual(['prod a1', 'prod b1', 'prod a2', 'dev 1', 'dev b1', 'dev 2']);
  });

  test('are let through beyond their share as long as nobody else asks', async () => {
    verifies('limits:priority');
    const answers = [];
    for (let at = 0; at < 10; at++) answers.push(await ask(gateway.url, keyOf('dev-a'), 'lent'));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    const refused = await ask(gateway.url, keyOf('dev-a'), 'lent');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(40);
  });

  test('leave a class that asks as much again as it used lately', async () => {
    const many = async (alias: string, count: number): Promise<number[]> => {
      const list = [];
      for (let at = 0; at < count; at++) list.push((await ask(gateway.url, keyOf(alias), 'held')).status);
      return list;
    };
    expect(await many('prod-a', 3)).toEqual([200, 200, 200]);
    // 10, less 3 that were used, less 3 that are held.
    expect(await many('dev-a', 4)).toEqual([200, 200, 200, 200]);
    const more = ask(gateway.url, keyOf('unknown'), 'held');
    await until(1);
    expect(await many('prod-b', 3)).toEqual([200, 200, 200]);
    const refused = await more;
    expect(refused.status).toBe(429);
    expect(refused.text).toMatch(/It waited \d+(\.\d)? s for its turn with priority \\"vip\\"/);
  });
});

describe('waiting', () => {
  test('ends with a 429 after its time', async () => {
    verifies('limits:priority-bounds');
    const first = say('prod-a');
    await reached(1);
    const refused = await say('late');
    expect(refused.status).toBe(429);
    expect(refused.text).toMatch(
      /at most 1 requests at the same time.*It waited \d+(?:\.\d)? s for its turn with priority \\"dev\\"/,
    );
    held.all[0]!();
    expect((await first).status).toBe(200);
    const [row] = await rowsOf(gateway, 'late');
    expect(row).toMatchObject({
      status: 'denied',
      rule: 'router_settings.model_group_limits.single.max_parallel_requests',
    });
  });

  test('ends when the client goes', async () => {
    verifies('limits:priority-bounds');
    const from = provider.requests.length;
    const first = say('prod-a');
    await reached(1);
    const sent = request(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keyOf('gone')}`, 'content-type': 'application/json' },
    });
    sent.on('error', () => undefined);
    sent.end(JSON.stringify({ model: 'single', messages: [{ role: 'user', content: 'gone' }] }));
    await until(1);
    sent.destroy();
    await until(0);
    held.all[0]!();
    await first;
    expect((await ask(gateway.url, gateway.key, 'lent', 'chat')).status).toBeGreaterThan(0);
    expect(said(from)).not.toContain('gone');
    expect(await rowsOf(gateway, 'gone')).toMatchObject([{ status: 'cancelled', errorCode: 'client_gone' }]);
  });
});
