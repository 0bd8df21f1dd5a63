import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { startProvider, type TestProvider } from '../support/llm/provider.ts';
import { SDK_CLIENTS } from '../support/llm/sdk-clients.ts';
import {
  CALLS,
  FIRST_TEXT,
  FIRST_USAGE,
  IMAGE,
  LAST_TEXT,
  LAST_USAGE,
  QUESTION,
  RESULTS,
  SYSTEM,
  THOUGHT,
  TOOLS,
} from '../support/llm/sdk-turn.ts';
import { type PythonSdks, pythonClients, startPythonSdks } from '../support/llm/sdk-python.ts';
import { replay, UPSTREAMS } from '../support/llm/upstream-replies.ts';
import { findPython, installPythonServers } from '../support/real-servers.ts';
import { verifies } from '../support/verifies.ts';

let provider: TestProvider;
let gateway: TestGateway;
let python: PythonSdks | undefined;

const PYTHON = await findPython(11);

beforeAll(async () => {
  provider = await startProvider();
  gateway = await startGateway({
    config: configWith(
      {},
      {
        model_list: UPSTREAMS.map((upstream) => ({
          model_name: `over ${upstream.name}`.replaceAll(' ', '-'),
          litellm_params: { ...upstream.params(provider.url), api_key: 'sk-up' },
        })),
      },
    ),
  });
  if (PYTHON !== undefined) python = startPythonSdks(await installPythonServers(PYTHON, 'python-sdks.txt'));
}, 280_000);

afterAll(async () => {
  await python?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
  await provider?.[Symbol.asyncDispose]();
});

const CLIENTS = [...SDK_CLIENTS, ...(PYTHON === undefined ? [] : pythonClients(() => python!))];

const CELLS = CLIENTS.flatMap((client) =>
  UPSTREAMS.flatMap((upstream) =>
    [false, true].map((isStream) => ({
      client,
      upstream,
      isStream,
      cell: `${client.name} over ${upstream.name}, ${isStream ? 'streamed' : 'whole'}`,
    })),
  ),
);

describe('an official SDK over each format of a provider', () => {
  it.each(CELLS)('$cell', async ({ client, upstream, isStream }) => {
    verifies('llm:sdks');
    const before = provider.requests.length;
    provider.answer(replay(upstream.first, isStream), replay(upstream.last, isStream));
    const conversation = client.converse(
      gateway.url,
      MASTER_KEY,
      `over ${upstream.name}`.replaceAll(' ', '-'),
      isStream,
    );

    const first = await conversation.ask();
    const calls = CALLS.map((call, at) => ({ ...call, id: upstream.callIds[at] }));
    const [atCalls, atEnd] = client.stops;
    expect(first).toEqual({
      text: FIRST_TEXT,
      thinking: THOUGHT,
      calls,
      stop: atCalls,
      usage: FIRST_USAGE,
    });

    const last = await conversation.goOn(new Map(first.calls.map(({ id }, at) => [id, RESULTS[at]!])));
    expect(last).toEqual({ text: LAST_TEXT, thinking: '', calls: [], stop: atEnd, usage: LAST_USAGE });

    const received = provider.requests.slice(before).map((request) => upstream.read(request));
    expect(received).toHaveLength(2);
    for (const request of received)
      expect(request).toMatchObject({
        model: upstream.model,
        system: SYSTEM,
        question: QUESTION,
        image: IMAGE,
        tools: TOOLS,
        isStream,
        thinks: true,
      });
    expect(received[0]).toMatchObject({ seals: [], calls: [], results: {} });
    expect(received[1]?.seals).toEqual([upstream.seal]);
    expect(received[1]?.calls).toEqual(calls);
    const results = upstream.callIds.map((id) => received[1]?.results[id]);
    expect(results.map((result, at) => result?.includes(RESULTS[at]!) ?? result)).toEqual([true, true]);
  });
});

it.each(PYTHON === undefined ? ['3.11'] : [])(
  'the SDKs of Python are not tested, because no Python from %s with venv is here',
  async () => {
    expect(await findPython(11)).toBeUndefined();
  },
);
