import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer } from '../support/http.ts';
import { type ProviderAct, startProvider, type TestProvider } from '../support/llm/provider.ts';
import { CALLS, LAST_TEXT } from '../support/llm/sdk-turn.ts';
import type { Upstream } from '../support/llm/upstream.ts';
import { replay, UPSTREAMS } from '../support/llm/upstream-replies.ts';
import { verifies } from '../support/verifies.ts';

let provider: TestProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startProvider();
  gateway = await startGateway({
    config: configWith(
      {},
      {
        model_list: UPSTREAMS.map((upstream) => ({
          model_name: nameOf(upstream),
          litellm_params: { ...upstream.params(provider.url), api_key: 'sk-up' },
        })),
      },
    ),
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

const nameOf = ({ name }: Upstream): string => name.replaceAll(' ', '-');
const upstream = (name: string): Upstream => UPSTREAMS.find((one) => one.name === name)!;

type Value = Record<string, unknown>;

/** A client that keeps what it was told, and brings back all of it. */
interface Client {
  readonly speaks: string;
  path(model: string): string;
  first(model: string): Value;
  /** The same conversation after an answer, with the results of its calls. */
  next(model: string, answer: Value): Value;
  /** What a provider of its format says of tokens that it did not write. */
  readonly refusal: Value;
}

const tool = { name: CALLS[0].name, schema: { type: 'object' } };
const other = { name: CALLS[1].name, schema: { type: 'object' } };
const list = (value: unknown): Value[] => value as Value[];

const CLIENTS: readonly Client[] = [
  {
    speaks: 'Messages',
    path: () => '/v1/messages',
    first: (model) => ({
      model,
      max_tokens: 4000,
      thinking: { type: 'enabled', budget_tokens: 2000 },
      context_management: { edits: [] },
      tools: [tool, other].map(({ name, schema }) => ({ name, input_schema: schema })),
      messages: [{ role: 'user', content: 'q' }],
    }),
    next(model, answer) {
      const calls = list(answer['content']).filter(({ type }) => type === 'tool_use');
      return {
        ...this.first(model),
        messages: [
          { role: 'user', content: 'q' },
          { role: 'assistant', content: answer['content'] },
          {
            role: 'user',
            content: calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'r' })),
          },
        ],
      };
    },
    refusal: {
      type: 'error',
      error: { type: 'invalid_request_error', message: 'Invalid `signature` in `thinking` block' },
    },
  },
  {
    speaks: 'Responses',
    path: () => '/v1/responses',
    first: (model) => ({
      model,
      store: false,
      include: ['reasoning.encrypted_content'],
      reasoning: { effort: 'low', summary: 'auto' },
      tools: [tool, other].map(({ name, schema }) => ({ type: 'function', name, parameters: schema })),
      input: [{ role: 'user', content: 'q' }],
    }),
    next(model, answer) {
      const calls = list(answer['output']).filter(({ type }) => type === 'function_call');
      return {
        ...this.first(model),
        input: [
          { role: 'user', content: 'q' },
          ...list(answer['output']),
          ...calls.map((call) => ({ type: 'function_call_output', call_id: call['call_id'], output: 'r' })),
        ],
      };
    },
    refusal: {
      error: {
        message: 'The encrypted content could not be verified.',
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_encrypted_content',
      },
    },
  },
  {
    speaks: 'Gemini',
    path: (model) => `/v1beta/models/${model}:generateContent`,
    first: () => ({
      contents: [{ role: 'user', parts: [{ text: 'q' }] }],
      tools: [
        { functionDeclarations: [tool, other].map(({ name }) => ({ name, parameters: { type: 'OBJECT' } })) },
      ],
      generationConfig: { thinkingConfig: { includeThoughts: true } },
    }),
    next(model, answer) {
      const { content } = list(answer['candidates'])[0] as unknown as { content: { parts: Value[] } };
      const calls = content.parts.flatMap(({ functionCall }) =>
        functionCall === undefined ? [] : [functionCall as Value],
      );
      return {
        ...this.first(model),
        contents: [
          { role: 'user', parts: [{ text: 'q' }] },
          content,
          {
            role: 'user',
            parts: calls.map(({ id, name }) => ({
              functionResponse: { id, name, response: { output: 'r' } },
            })),
          },
        ],
      };
    },
    refusal: { error: { code: 400, message: 'Thought signature is not valid.', status: 'INVALID_ARGUMENT' } },
  },
];

const CELLS = CLIENTS.flatMap((client) =>
  UPSTREAMS.filter(({ name }) => name !== client.speaks && name !== 'Chat Completions').map((before) => ({
    client,
    before,
    cell: `${before.name} to ${client.speaks}`,
  })),
);

const post = (client: Client, model: string, body: Value): Promise<HttpAnswer> =>
  http(`${gateway.url}${client.path(model)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** A provider that takes no token but its own. */
const strict =
  (client: Client, then: Upstream): ProviderAct =>
  ({ bytes }) =>
    /bGFucG9ydDE6|lanport-seal|"signature":""|reasoning_text/.test(bytes.toString())
      ? { status: 400, body: [JSON.stringify(client.refusal)] }
      : replay(then.last, false);

describe('a conversation that goes on with another provider', () => {
  it.each(CELLS)('from $cell: the new one gets no tokens of the old one', async ({ client, before }) => {
    verifies('llm:changed-provider');
    const then = upstream(client.speaks);
    provider.answer(replay(before.first, false));
    const first = await post(client, nameOf(before), client.first(nameOf(before)));
    expect(first.status).toBe(200);
    provider.answer(strict(client, then));
    const next = await post(client, nameOf(then), client.next(nameOf(then), first.json()));
    expect(next.text).toContain(LAST_TEXT);
    expect(next.headers['x-lanport-dropped']).toMatch(/thinking|thoughtSignature/);
    const { body } = provider.requests.at(-1)!;
    const received = then.read(provider.requests.at(-1)!);
    expect(received.calls.map(({ name }) => name)).toEqual(CALLS.map(({ name }) => name));
    expect(Object.values(received.results)).toHaveLength(2);
    // Without a thought in the loop, Anthropic refuses to think.
    if (client.speaks === 'Messages') expect(body).not.toHaveProperty('thinking');
    // What only this format says is still there.
    if (client.speaks === 'Messages') expect(body).toHaveProperty('context_management');
  });

  it('another gateway that knows such tokens gets them as they came', async () => {
    verifies('llm:changed-provider');
    const [client] = CLIENTS as [Client];
    const then = upstream(client.speaks);
    provider.answer(replay(upstream('Responses').first, false));
    const first = await post(client, 'Responses', client.first('Responses'));
    provider.answer(replay(then.last, false));
    const body = client.next(nameOf(then), first.json());
    const next = await post(client, nameOf(then), body);
    expect(next.text).toContain(LAST_TEXT);
    expect(next.headers['x-lanport-dropped']).toBeUndefined();
    expect(provider.requests.at(-1)!.body['messages']).toEqual(body['messages']);
  });
});
