import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import { modern, openSession, request, toolCall } from '../support/rules/raw-client.ts';
import {
  type Json,
  plainTool,
  type ScriptedServer,
  startScripted,
} from '../support/rules/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const README = 'file:///README.md';
const PANEL = 'ui://panel/index.html';
const OF_TEMPLATE = 'notes://{owner}/{note}';

/** Two servers that say the same of themselves; each says who it is in the texts. */
const library = (who: string): Promise<ScriptedServer> =>
  startScripted({
    capabilities: { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {} },
    tools: [
      plainTool('link'),
      plainTool('panel', { _meta: { ui: { resourceUri: PANEL }, 'ui/resourceUri': PANEL } }),
    ],
    answers: {
      'resources/list': () => ({
        resources: [
          { uri: README, name: who },
          { uri: PANEL, name: 'p' },
        ],
      }),
      'resources/templates/list': () => ({ resourceTemplates: [{ uriTemplate: OF_TEMPLATE, name: who }] }),
      'resources/read': ({ params }) => ({ contents: [{ uri: params['uri'], text: who }] }),
      'resources/subscribe': () => ({}),
      'prompts/list': () => ({ prompts: [{ name: 'greet' }] }),
      'prompts/get': () => ({
        messages: [
          { role: 'user', content: { type: 'resource_link', uri: README, name: who } },
          { role: 'user', content: { type: 'resource', resource: { uri: README, text: who } } },
        ],
      }),
      'completion/complete': ({ params }) => ({
        completion: { values: [who, JSON.stringify(params['ref']), JSON.stringify(params['context'])] },
      }),
      'tools/call': () => ({
        content: [
          { type: 'resource_link', uri: README, name: who },
          { type: 'resource', resource: { uri: README, text: who } },
          { type: 'text', text: README },
        ],
        _meta: { ui: { resourceUri: PANEL } },
      }),
    },
  });

let gateway: TestGateway;
let first: ScriptedServer;
let second: ScriptedServer;
let url: string;

beforeAll(async () => {
  first = await library('first');
  second = await library('second');
  gateway = await startGateway({
    config: configWith(
      { a: { transport: 'http', url: first.url }, b: { transport: 'http', url: second.url } },
      { limits: { first_list_wait_ms: '30s' } },
    ),
  });
  url = `${gateway.url}/mcp`;
  // Both are known before the first test, whichever comes first.
  await rpc(url, MASTER_KEY, request('resources/list'));
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  for (const server of [first, second]) await server?.[Symbol.asyncDispose]();
});

const ask = async (method: string, params: Json = {}): Promise<Record<string, unknown>> =>
  (await rpc(url, MASTER_KEY, request(method, params))).json<{ result: Record<string, unknown> }>().result;

describe('a URI that two servers have', () => {
  it('is listed as it is for the first and under a name of its own for the second, and both lead to their server', async () => {
    verifies('rule:15-resource-uris');
    const { resources } = (await ask('resources/list')) as { resources: { uri: string; name: string }[] };
    expect(resources.map((one) => one.uri)).toEqual([
      README,
      PANEL,
      `b+${README}`,
      'ui://b+panel/index.html',
    ]);
    for (const { uri, name } of resources.filter((one) => one.name !== 'p'))
      expect(await ask('resources/read', { uri })).toEqual({ contents: [{ uri, text: name }] });
    const { resourceTemplates } = (await ask('resources/templates/list')) as {
      resourceTemplates: { uriTemplate: string }[];
    };
    expect(resourceTemplates.map((one) => one.uriTemplate)).toEqual([OF_TEMPLATE, `b+${OF_TEMPLATE}`]);
  });

  it('leads on where it is not listed, by its template', async () => {
    verifies('rule:15-resource-uris');
    for (const [uri, text] of [
      ['notes://ada/1', 'first'],
      ['b+notes://ada/1', 'second'],
    ])
      expect(await ask('resources/read', { uri })).toEqual({ contents: [{ uri, text }] });
    const asked = await second.next('resources/read', (one) => one.text.includes('ada'));
    expect(asked.params['uri']).toBe('notes://ada/1');
  });

  it.each(['2025-11-25', '2026-07-28'])(
    'is the same in results, prompts and tools to a client of %s',
    async (revision) => {
      verifies('rule:15-resource-uris');
      const send = async (method: string, params: Json) =>
        revision === '2026-07-28'
          ? (await modern(url, method, params)).json<{ result: Json }>().result
          : ask(method, params);
      for (const [server, uri, panel] of [
        ['a', README, PANEL],
        ['b', `b+${README}`, 'ui://b+panel/index.html'],
      ] as const) {
        const called = await send('tools/call', { name: `${server}-link`, arguments: {} });
        expect(called).toMatchObject({
          content: [{ uri }, { resource: { uri } }, { text: README }],
          _meta: { ui: { resourceUri: panel } },
        });
        const got = await send('prompts/get', { name: `${server}-greet` });
        expect(got).toMatchObject({ messages: [{ content: { uri } }, { content: { resource: { uri } } }] });
        const { tools } = (await send('tools/list', {})) as unknown as {
          tools: { name: string; _meta?: unknown }[];
        };
        expect(tools.find((tool) => tool.name === `${server}-panel`)?._meta).toEqual({
          ui: { resourceUri: panel },
          'ui/resourceUri': panel,
        });
      }
    },
  );

  it('is subscribed to and reported under its own name', async () => {
    verifies('rule:15-resource-uris');
    const streams = await startScripted({
      capabilities: { tools: {}, resources: { subscribe: true } },
      answers: {
        'resources/list': () => ({ resources: [{ uri: README, name: 'third' }] }),
        'resources/templates/list': () => ({ resourceTemplates: [] }),
        'resources/subscribe': () => ({}),
        GET: () => undefined,
      },
    });
    await using third = streams;
    await using own = await startGateway({
      config: configWith(
        { a: { transport: 'http', url: first.url }, c: { transport: 'http', url: third.url } },
        { limits: { first_list_wait_ms: '30s' } },
      ),
    });
    const listening = third.next('GET').then((get) => get.stream());
    const session = await openSession(`${own.url}/mcp`);
    using stream = await session.listen();
    await session.send(request('resources/list'));
    expect((await session.send(request('resources/subscribe', { uri: `c+${README}` }))).json()).toMatchObject(
      { result: {} },
    );
    expect((await third.next('resources/subscribe')).params).toEqual({ uri: README });
    (await listening)({
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { uri: README, title: 'kept' },
    });
    expect(JSON.parse((await stream.saw('resources/updated')).data)).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { uri: `c+${README}`, title: 'kept' },
    });
    expect(first.all('resources/subscribe')).toEqual([]);
  });
});

describe('completion', () => {
  it.each([
    ['a', { type: 'ref/prompt', name: 'a-greet' }, { type: 'ref/prompt', name: 'greet' }],
    ['b', { type: 'ref/prompt', name: 'b-greet' }, { type: 'ref/prompt', name: 'greet' }],
    ['a', { type: 'ref/resource', uri: OF_TEMPLATE }, { type: 'ref/resource', uri: OF_TEMPLATE }],
    ['b', { type: 'ref/resource', uri: `b+${OF_TEMPLATE}` }, { type: 'ref/resource', uri: OF_TEMPLATE }],
  ])('goes to server %s for %j', async (server, ref, known) => {
    verifies('rule:16-completion');
    const context = { arguments: { owner: 'ada' } };
    const params = { ref, argument: { name: 'note', value: 'x' }, context };
    const who = server === 'a' ? 'first' : 'second';
    const completion = { values: [who, JSON.stringify(known), JSON.stringify(context)] };
    expect(await ask('completion/complete', params)).toEqual({ completion });
    expect((await modern(url, 'completion/complete', params)).json()).toMatchObject({
      result: { completion },
    });
  });

  it('of something unknown is an error', async () => {
    verifies('rule:16-completion');
    const answer = await rpc(
      url,
      MASTER_KEY,
      request('completion/complete', { ref: { type: 'ref/prompt', name: 'no' }, argument: {} }),
    );
    expect(answer.json()).toMatchObject({ error: { code: -32602 } });
    expect((await rpc(url, MASTER_KEY, toolCall('nope'))).json()).toMatchObject({ error: { code: -32602 } });
  });
});
