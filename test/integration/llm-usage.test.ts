import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import { type Dialect, DIALECTS } from '../support/llm/dialects.ts';
import { EVENTS, events, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { ROOT } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

interface Entry {
  readonly id: string;
  readonly kind?: string;
  readonly status?: string;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly tokensEstimated?: boolean;
  readonly cost?: number;
}

const PRICES = {
  input_cost_per_token: 1e-6,
  output_cost_per_token: 1e-3,
  output_cost_per_token_priority: 2e-3,
};
const PAIRS = DIALECTS.flatMap((client) =>
  DIALECTS.map((provider) => ({ client, provider, pair: `${client.name} to ${provider.name}` })),
);

let provider: TestProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startProvider();
  gateway = await startGateway({
    config: configWith(
      { tools: { command: process.execPath, args: [join(ROOT, 'test/support/upstreams/stdio-2025.ts')] } },
      {
        // So many failures would have them rest.
        router_settings: { allowed_fails: 1_000 },
        model_list: DIALECTS.map(({ name, model }) => ({
          model_name: name,
          litellm_params: { model, api_base: `${provider.url}/v1`, api_key: 'sk-up', max_retries: 0 },
          model_info: PRICES,
        })),
      },
    ),
  });
  await serversSettled(gateway);
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

/** The rows of requests to models that came since `act` began. */
async function rowsOf(act: () => Promise<unknown>): Promise<readonly Entry[]> {
  const known = new Set((await ledgerRows(gateway)).map(({ id }) => id));
  await act();
  const rows = (await ledgerRows(gateway)) as readonly Entry[];
  return rows.filter(({ id, kind }) => kind === 'llm' && !known.has(id));
}

function ask(client: Dialect, model: string, isStream: boolean, more: object = {}): Promise<unknown> {
  return http(`${gateway.url}${client.path(model, isStream)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...client.request(model, isStream), ...more }),
  });
}

/** Asks, and goes away when `until` resolves or, where it is a text, when that has come. */
async function leave(
  client: Dialect,
  model: string,
  isStream: boolean,
  until: string | Promise<void>,
  more: object = {},
): Promise<void> {
  const asked = request(`${gateway.url}${client.path(model, isStream)}`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
  });
  asked.on('error', () => undefined);
  const seen = new Promise<void>((resolve) => {
    let text = '';
    asked.on('response', (response) =>
      response.on('data', (data: Buffer) => {
        text += String(data);
        if (text.includes(String(until))) resolve();
      }),
    );
  });
  asked.end(JSON.stringify({ ...client.request(model, isStream), ...more }));
  await (typeof until === 'string' ? seen : until);
  asked.destroy();
  await provider.requests.at(-1)!.gone;
}

/** What is billed for a stream of which only "Hello" has come: what the provider has told is told, the rest is estimated. */
function judgeBegun(speaks: Dialect, row: Entry | undefined): void {
  switch (speaks.name) {
    case 'gemini':
      // It counts with every chunk.
      expect(row).toMatchObject({ promptTokens: 3, completionTokens: 2 });
      expect(row).not.toHaveProperty('tokensEstimated');
      return;
    case 'messages':
      // It counts the request at the start.
      expect(row).toMatchObject({ promptTokens: 3, completionTokens: 3, tokensEstimated: true });
      return;
    default:
      expect(row).toMatchObject({ completionTokens: 2, tokensEstimated: true });
      expect(row?.promptTokens).toBeGreaterThan(3);
      expect(row?.promptTokens).toBeLessThan(40);
  }
}

function judgeCost(row: Entry | undefined): void {
  expect(row?.cost).toBeCloseTo((row?.promptTokens ?? 0) * 1e-6 + (row?.completionTokens ?? 0) * 1e-3, 9);
}

describe.each(PAIRS)('$pair: what was used is billed', ({ client, provider: speaks }) => {
  test('of a stream that breaks off', async () => {
    verifies('llm:usage-broken');
    provider.answer({ headers: EVENTS, body: [speaks.stream.start + speaks.stream.content], end: 'reset' });
    const [row] = await rowsOf(() => ask(client, speaks.name, true));
    expect(row?.status).toBe('error');
    judgeBegun(speaks, row);
    judgeCost(row);
  });

  test('of a stream whose client leaves', async () => {
    verifies('llm:usage-broken');
    provider.answer({ headers: EVENTS, body: [speaks.stream.start + speaks.stream.content], end: 'stall' });
    const [row] = await rowsOf(() => leave(client, speaks.name, true, 'Hello'));
    expect(row?.status).toBe('cancelled');
    judgeBegun(speaks, row);
    judgeCost(row);
  });

  test.each([true, false])(
    'of a request whose client leaves before its answer (stream: %s)',
    async (isStream) => {
      verifies('llm:usage-broken');
      let asked = (): void => undefined;
      const isAsked = new Promise<void>((resolve) => {
        asked = resolve;
      });
      provider.answer(() => {
        asked();
        return { isSilent: true };
      });
      const [row] = await rowsOf(() => leave(client, speaks.name, isStream, isAsked));
      expect(row).toMatchObject({ status: 'cancelled', completionTokens: 0, tokensEstimated: true });
      expect(row?.promptTokens).toBeGreaterThan(3);
      judgeCost(row);
    },
  );

  test('of a whole answer that does not tell its usage', async () => {
    verifies('llm:usage-untold');
    const { usage: _, usageMetadata: __, ...whole } = speaks.whole;
    provider.answer({ body: [JSON.stringify(whole)] });
    const [row] = await rowsOf(() => ask(client, speaks.name, false));
    expect(row).toMatchObject({ status: 'ok', completionTokens: 3, tokensEstimated: true });
    judgeCost(row);
  });

  test('of a whole answer that tells it, exactly', async () => {
    provider.answer({ body: [JSON.stringify(speaks.whole)] });
    const [row] = await rowsOf(() => ask(client, speaks.name, false));
    expect(row).toMatchObject({ promptTokens: 3, completionTokens: 2 });
    expect(row).not.toHaveProperty('tokensEstimated');
  });
});

test.each(DIALECTS)(
  '$name: a stream of Chat Completions that never tells its usage is estimated',
  async (client) => {
    verifies('llm:usage-untold');
    const { start, content, rest } = DIALECTS[0]!.stream;
    provider.answer({ headers: EVENTS, body: [start + content + rest] });
    const [row] = await rowsOf(() => ask(client, 'chat', true));
    expect(row).toMatchObject({ status: 'ok', completionTokens: 3, tokensEstimated: true });
  },
);

test('a request that a provider refuses costs nothing', async () => {
  provider.answer({ status: 400, body: [JSON.stringify(DIALECTS[0]!.errorBody('no'))] });
  for (const client of DIALECTS) {
    const [row] = await rowsOf(() => ask(client, 'chat', true));
    expect(row).not.toHaveProperty('promptTokens');
    expect(row).not.toHaveProperty('cost');
  }
});

const usage = (prompt: number, completion: number): object => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
});
const chunk = (more: object): object => ({
  id: 'x',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  ...more,
});

test('turns with tools on the way are billed together, the one that broke off included', async () => {
  verifies('llm:usage-broken');
  const call = {
    index: 0,
    id: 'call_1',
    type: 'function',
    function: { name: 'echo', arguments: '{}' },
  };
  const turn = events(
    chunk({ choices: [{ index: 0, delta: { tool_calls: [call] }, finish_reason: null }] }),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] }),
    chunk({ choices: [], usage: usage(100, 10) }),
    '[DONE]',
  );
  const said = chunk({
    choices: [{ index: 0, delta: { content: 'I have found this: ' }, finish_reason: null }],
  });
  provider.answer({ headers: EVENTS, body: [turn] }, { headers: EVENTS, body: [events(said)], end: 'stall' });
  const tools = [{ type: 'mcp', server_label: 'tools', server_url: 'lanport', require_approval: 'never' }];
  const [row] = await rowsOf(() => leave(DIALECTS[0]!, 'chat', true, 'I have found', { tools }));
  expect(row).toMatchObject({ status: 'cancelled', tokensEstimated: true });
  expect(row?.promptTokens).toBeGreaterThan(110);
  expect(row?.completionTokens).toBeGreaterThan(10);
  judgeCost(row);
});

describe('the service tier that sets the price', () => {
  const named = DIALECTS.filter(({ name }) => name !== 'gemini');

  /** The answer, whole or as a stream, of a provider that names the tier. */
  function answering({ name, whole, stream }: Dialect, tier: string | undefined, isStream: boolean): object {
    if (tier === undefined)
      return isStream ? { headers: EVENTS, body: [all(stream)] } : { body: [JSON.stringify(whole)] };
    const inUsage = (usageOf: object): object => ({ ...usageOf, service_tier: tier });
    const body =
      name === 'messages'
        ? { ...whole, usage: inUsage(whole['usage'] as object) }
        : { ...whole, service_tier: tier };
    if (!isStream) return { body: [JSON.stringify(body)] };
    const text = all(stream);
    switch (name) {
      case 'messages':
        return {
          headers: EVENTS,
          body: [text.replaceAll('"output_tokens":1', `"output_tokens":1,"service_tier":"${tier}"`)],
        };
      case 'responses':
        return {
          headers: EVENTS,
          body: [text.replaceAll('"object":"response"', `"object":"response","service_tier":"${tier}"`)],
        };
      default:
        return {
          headers: EVENTS,
          body: [
            text.replace(
              'data: [DONE]',
              `data: ${JSON.stringify(chunk({ choices: [], usage: usage(3, 2), service_tier: tier }))}\n\ndata: [DONE]`,
            ),
          ],
        };
    }
  }
  const all = ({ start, content, rest }: Dialect['stream']): string => start + content + rest;

  test.each(
    named.flatMap((speaks) =>
      named.flatMap((client) => [true, false].map((isStream) => ({ client, speaks, isStream }))),
    ),
  )(
    'is what the answer names ($client.name to $speaks.name, stream: $isStream)',
    async ({ client, speaks, isStream }) => {
      verifies('llm:usage-tier');
      const standard = speaks.name === 'messages' ? 'standard' : 'default';
      for (const [asked, answered, rate] of [
        [undefined, 'priority', 2e-3],
        ['priority', standard, 1e-3],
        ['priority', 'priority', 2e-3],
      ] as const) {
        provider.answer(answering(speaks, answered, isStream));
        const more = asked === undefined ? {} : { service_tier: asked };
        const [row] = await rowsOf(() => ask(client, speaks.name, isStream, more));
        expect(row?.cost, `${asked} ${answered}`).toBeCloseTo(3e-6 + 2 * rate, 9);
      }
    },
  );

  test.each(['priority', 'SERVICE_TIER_PRIORITY'])(
    'is what a client of Gemini asks for (%s)',
    async (tier) => {
      verifies('llm:usage-tier');
      const gemini = DIALECTS.find(({ name }) => name === 'gemini')!;
      provider.answer(answering(gemini, undefined, false));
      const [row] = await rowsOf(() => ask(gemini, 'gemini', false, { serviceTier: tier }));
      expect(row?.cost).toBeCloseTo(3e-6 + 2 * 2e-3, 9);
    },
  );

  test('is what the request asks for, where the answer names none', async () => {
    verifies('llm:usage-tier');
    const [client] = named as [Dialect];
    provider.answer(answering(client, undefined, false));
    const [row] = await rowsOf(() => ask(client, 'chat', false, { service_tier: 'priority' }));
    expect(row?.cost).toBeCloseTo(3e-6 + 2 * 2e-3, 9);
  });
});
