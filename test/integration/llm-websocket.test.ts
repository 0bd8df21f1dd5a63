import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { ledgerRows } from '../support/ledger-rows.ts';
import {
  EVENTS,
  events,
  type ProviderAct,
  startProvider,
  type TestProvider,
} from '../support/llm/provider.ts';
import {
  CALLS,
  FIRST_TEXT,
  IMAGE,
  LAST_TEXT,
  LAST_USAGE,
  QUESTION,
  RESULTS,
  SYSTEM,
  TOOLS,
} from '../support/llm/sdk-turn.ts';
import { SocketClient, textOf } from '../support/llm/socket-client.ts';
import { replay, UPSTREAMS } from '../support/llm/upstream-replies.ts';
import { ROOT } from '../support/process.ts';
import { serversSettled } from '../support/servers.ts';
import { verifies } from '../support/verifies.ts';

const AUTH = { authorization: `Bearer ${MASTER_KEY}` };
const nameOf = (name: string): string => `over ${name}`.replaceAll(' ', '-');

let provider: TestProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startProvider();
  const server = join(ROOT, 'test/support/upstreams/stdio-2025.ts');
  gateway = await startGateway({
    config: configWith(
      { tools: { command: process.execPath, args: [server] } },
      {
        model_list: [
          ...UPSTREAMS.map((upstream) => ({
            model_name: nameOf(upstream.name),
            litellm_params: { ...upstream.params(provider.url), api_key: 'sk-up' },
          })),
          { model_name: 'mock', litellm_params: { model: 'mock/any' } },
          {
            model_name: 'chatty',
            litellm_params: { model: 'custom_openai/m', api_base: `${provider.url}/v1`, api_key: 'k' },
          },
        ],
      },
    ),
  });
  await serversSettled(gateway);
}, 60_000);

beforeEach(() => {
  provider.answer();
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

const REQUEST = {
  instructions: SYSTEM,
  reasoning: { effort: 'low', summary: 'auto' },
  include: ['reasoning.encrypted_content'],
  tools: TOOLS.map(({ name, description, schema }) => ({
    type: 'function' as const,
    name,
    description,
    parameters: schema as unknown as Record<string, unknown>,
    strict: false,
  })),
  store: false,
};
const ASKED = {
  role: 'user' as const,
  content: [
    { type: 'input_text' as const, text: QUESTION },
    { type: 'input_image' as const, detail: 'auto' as const, image_url: `data:image/png;base64,${IMAGE}` },
  ],
};
const resultsOf = (ids: readonly string[]): object[] =>
  ids.map((id, at) => ({ type: 'function_call_output', call_id: id, output: RESULTS[at] }));

describe.each(UPSTREAMS.map((upstream) => [upstream.name, upstream] as const))(
  'a WebSocket over %s',
  (name, upstream) => {
    const model = nameOf(name);

    it('goes on with what is not stored anywhere, sent as new items alone', async () => {
      verifies('llm:websocket');
      verifies('llm:websocket-memory');
      provider.answer(replay(upstream.first, true), replay(upstream.last, true));
      const before = provider.requests.length;
      const known = new Set((await ledgerRows(gateway)).map(({ id }) => id));
      await using client = await SocketClient.open(gateway.url);
      client.create({ model, ...REQUEST, input: [ASKED] });
      const frames = await client.answer();
      const last = frames.at(-1)!;
      expect(frames[0]!.type).toBe('response.created');
      expect(last.type).toBe('response.completed');
      expect(textOf(last)).toBe(FIRST_TEXT);
      const deltas = frames.filter(({ type }) => type === 'response.output_text.delta');
      expect(deltas.map(({ delta }) => delta).join('')).toBe(FIRST_TEXT);
      const more = resultsOf(upstream.callIds);
      const end = await client.turn({
        model,
        ...REQUEST,
        previous_response_id: last.response!.id,
        input: more,
      });
      expect(textOf(end)).toBe(LAST_TEXT);
      expect(end.response!.usage).toMatchObject({ input_tokens: LAST_USAGE.input });

      const received = provider.requests.slice(before).map((request) => upstream.read(request));
      expect(received).toHaveLength(2);
      for (const request of received)
        expect(request).toMatchObject({ system: SYSTEM, question: QUESTION, image: IMAGE, isStream: true });
      const calls = CALLS.map((call, at) => ({ ...call, id: upstream.callIds[at] }));
      expect(received[1]!.calls).toEqual(calls);
      expect(received[1]!.seals).toEqual([upstream.seal]);
      for (const [at, id] of upstream.callIds.entries())
        expect(received[1]!.results[id]).toContain(RESULTS[at]);
      for (const { body, headers } of provider.requests.slice(before)) {
        for (const member of ['type', 'previous_response_id', 'generate', 'stream_id'])
          expect(body).not.toHaveProperty(member);
        expect(headers).not.toHaveProperty('sec-websocket-key');
      }

      const rows = (await ledgerRows(gateway)).filter(({ id }) => !known.has(id));
      expect(rows).toHaveLength(2);
      for (const row of rows)
        expect(row).toMatchObject({ operation: 'responses/generate', status: 'ok', model });
    });

    it('is warmed up without asking the provider', async () => {
      verifies('llm:websocket-memory');
      provider.answer(replay(upstream.last, true));
      const before = provider.requests.length;
      await using client = await SocketClient.open(gateway.url);
      client.create({ model, ...REQUEST, input: [ASKED], generate: false });
      const [created, ...rest] = await client.answer();
      expect(created!.type).toBe('response.created');
      const warm = rest.at(-1)!;
      expect(warm).toMatchObject({
        type: 'response.completed',
        response: { output: [], status: 'completed' },
      });
      expect(provider.requests).toHaveLength(before);
      const end = await client.turn({
        model,
        ...REQUEST,
        previous_response_id: warm.response!.id,
        input: [{ role: 'user', content: 'And now?' }],
      });
      expect(textOf(end)).toBe(LAST_TEXT);
      expect(provider.requests).toHaveLength(before + 1);
      expect(JSON.stringify(provider.requests.at(-1)!.body)).toContain(QUESTION);
      expect(JSON.stringify(provider.requests.at(-1)!.body)).toContain('And now?');
    });

    it("serves OpenAI's own client", async () => {
      verifies('llm:websocket');
      provider.answer(replay(upstream.first, true), replay(upstream.last, true));
      const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: MASTER_KEY });
      const socket = new ResponsesWS(openai);
      const stream = socket.stream();
      const answer = async (): Promise<OpenAI.Responses.Response> => {
        for (;;) {
          const { value: event, done } = await stream.next();
          if (done === true) throw new Error('the connection ended');
          if (event.type === 'error') throw event.error;
          if (event.type === 'message' && event.message.type === 'response.completed')
            return event.message.response;
        }
      };
      try {
        socket.send({ type: 'response.create', model, ...REQUEST, input: [ASKED] } as never);
        const first = await answer();
        const calls = first.output.filter((item) => item.type === 'function_call');
        expect(calls.map(({ name: tool }) => tool)).toEqual(CALLS.map((call) => call.name));
        socket.send({
          type: 'response.create',
          model,
          ...REQUEST,
          previous_response_id: first.id,
          input: resultsOf(calls.map(({ call_id: id }) => id)),
        } as never);
        expect(textOf({ type: '', response: (await answer()) as never })).toBe(LAST_TEXT);
      } finally {
        await stream.return?.();
        socket.close();
      }
    });
  },
);

it('leaves it to a provider of Responses to know what it has stored', async () => {
  verifies('llm:websocket-memory');
  const upstream = UPSTREAMS.find(({ name }) => name === 'Responses')!;
  const { whole, stream } = upstream.first;
  const stored = { whole, stream: stream.replaceAll('"store":false', '"store":true') };
  provider.answer(replay(stored, true), replay(upstream.last, true));
  await using client = await SocketClient.open(gateway.url);
  const first = await client.turn({ model: nameOf('Responses'), input: [ASKED] });
  const { id } = first.response!;
  const input = resultsOf(upstream.callIds);
  await client.turn({ model: nameOf('Responses'), input, previous_response_id: id });
  expect(provider.requests.at(-1)!.body).toMatchObject({ input, previous_response_id: id });
});

describe('a WebSocket over a model that the gateway answers for', () => {
  it('refers to answers of other connections and of POST, and they to its own', async () => {
    verifies('llm:websocket-memory');
    const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: MASTER_KEY, maxRetries: 0 });
    const posted = await openai.responses.create({ model: 'mock', input: 'My name is Ada.' });
    let id = posted.id;
    for (let turn = 0; turn < 2; turn++) {
      await using client = await SocketClient.open(gateway.url);
      const frame = await client.turn({ model: 'mock', previous_response_id: id, input: `Turn ${turn}` });
      expect(frame.type).toBe('response.completed');
      id = frame.response!.id;
    }
    const items = await openai.responses.inputItems.list(id);
    const texts = JSON.stringify(items.data);
    for (const text of ['My name is Ada.', 'Turn 0', 'Turn 1']) expect(texts).toContain(text);
  });

  it('forgets what is not stored when the connection ends', async () => {
    verifies('llm:websocket-memory');
    await using first = await SocketClient.open(gateway.url);
    const { response } = await first.turn({ model: 'mock', input: 'Hi', store: false });
    const goOn = { model: 'mock', input: 'More', previous_response_id: response!.id };
    expect((await first.turn(goOn)).type).toBe('response.completed');
    await using second = await SocketClient.open(gateway.url);
    const refused = await second.turn({ ...goOn, stream_id: 'main' });
    expect(refused).toMatchObject({
      type: 'error',
      status: 400,
      stream_id: 'main',
      error: {
        type: 'invalid_request_error',
        code: 'previous_response_not_found',
        message: `Previous response with id '${response!.id}' not found.`,
        param: 'previous_response_id',
      },
    });
    expect((await second.turn({ model: 'mock', input: 'Hi' })).type).toBe('response.completed');
  });

  it('may use the tools behind the gateway', async () => {
    verifies('llm:websocket');
    const said = (choice: object, finish: string | null): object => ({
      id: 'chatcmpl-1',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'm',
      choices: [{ index: 0, delta: choice, finish_reason: finish }],
    });
    const turns: readonly ProviderAct[] = [
      ({ body }) => {
        const tools = body['tools'] as { readonly function: { readonly name: string } }[];
        const name = tools.map((one) => one.function.name).find((one) => one.endsWith('echo'));
        const called = { name, arguments: '{"text":"heard"}' };
        const call = { index: 0, id: 'call_1', type: 'function', function: called };
        return {
          headers: EVENTS,
          body: [events(said({ tool_calls: [call] }, 'tool_calls'), '[DONE]')],
        };
      },
      { headers: EVENTS, body: [events(said({ content: 'It said so.' }, 'stop'), '[DONE]')] },
    ];
    const tool = {
      type: 'mcp',
      server_label: 'tools',
      server_url: 'lanport',
      require_approval: 'never',
    };
    for (const [headers, body] of [
      [AUTH, { tools: [tool] }],
      [{ ...AUTH, 'x-mcp-servers': 'tools' }, {}],
    ] as const) {
      provider.answer(...turns);
      await using client = await SocketClient.open(gateway.url, headers);
      const frame = await client.turn({ model: 'chatty', input: 'Go', store: false, ...body });
      expect(textOf(frame)).toBe('It said so.');
      expect(frame.response!.output.map(({ type }) => type)).toContain('mcp_call');
      const sent = provider.requests.at(-1)!.body['messages'] as { readonly role: string }[];
      expect(sent.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
    }
  });
});
