import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { messageIn, modern, openSession, request, textOf, toolCall } from '../support/rules/raw-client.ts';
import {
  type Json,
  plainTool,
  type Received,
  type ScriptedServer,
  startScripted,
  textResult,
} from '../support/rules/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const WAIT = { limits: { first_list_wait_ms: '30s' } };
const ANN = 'sk-ann-0123456789abcdef';
const BEN = 'sk-ben-0123456789abcdef';
const over = (server: ScriptedServer, more: Json = {}): Json => ({
  transport: 'http',
  url: server.url,
  ...more,
});

describe('a credential that a request brings for a server', () => {
  let server: ScriptedServer;
  let other: ScriptedServer;
  let gateway: TestGateway;
  let url: string;

  beforeAll(async () => {
    const answers = {
      // The answer is late, so that calls of many are under way at a time.
      'tools/call': async (one: Received) => {
        await new Promise((resolve) => setImmediate(resolve));
        return textResult(
          `${String(one.headers['authorization'])} ${JSON.stringify(one.params['arguments'])}`,
        );
      },
    };
    server = await startScripted({ session: 'shared', answers });
    other = await startScripted({ answers });
    gateway = await startGateway({
      config: configWith(
        { one: over(server, { auth_type: 'bearer_token', auth_value: 'of-the-operator' }), two: over(other) },
        {
          ...WAIT,
          virtual_keys: [ANN, BEN].map((api_key) => ({ api_key, mcp_servers: ['one', 'two'] })),
        },
      ),
    });
    url = `${gateway.url}/mcp`;
    await rpc(url, MASTER_KEY, request('tools/list'));
  }, 60_000);
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]();
    for (const one of [server, other]) await one?.[Symbol.asyncDispose]();
  });

  it('goes with this request and with no other', async () => {
    verifies('pain:26-the-credential-of-another');
    const ann = await openSession(url, { key: ANN });
    const ben = await openSession(url, { key: BEN });
    const mine = { 'x-mcp-one-authorization': 'Bearer of-ann' };
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, n) => {
        const [who, headers] = n % 2 === 0 ? [ann, mine] : [ben, {}];
        return textOf(await who.send(toolCall('one-echo', { n }, n), headers));
      }),
    );
    for (const [n, text] of answers.entries())
      expect(text).toBe(`Bearer ${n % 2 === 0 ? 'of-ann' : 'of-the-operator'} {"n":${n}}`);
    // The same session without the header is the operator's again, and another server never sees it.
    expect(textOf(await ann.send(toolCall('one-echo')))).toContain('Bearer of-the-operator');
    expect(textOf(await ann.send(toolCall('two-echo'), mine))).toContain('undefined');
    for (const { headers } of server.received.filter((one) => one.method !== 'tools/call'))
      expect(headers['authorization']).toBe('Bearer of-the-operator');
  });

  it('lets a hundred users share one entry and one address', async () => {
    verifies('pain:27-a-route-per-user');
    const texts = await Promise.all(
      Array.from({ length: 100 }, async (_, user) => {
        const headers = { 'x-mcp-one-authorization': `Bearer of-${user}` };
        const call = { name: 'one-echo', arguments: { user } };
        return textOf(
          user % 2 === 0
            ? await rpc(url, ANN, request('tools/call', call, user), headers)
            : await modern(url, 'tools/call', call, { key: BEN, headers }),
        );
      }),
    );
    expect(texts).toEqual(texts.map((_, user) => `Bearer of-${user} {"user":${user}}`));
  });
});

describe('a server that refuses', () => {
  it.each([401, 403])('a call alone (%i) keeps its tools, and nothing is tried again', async (status) => {
    verifies('pain:28-their-refusal-as-ours', 'pain:29-login-loops');
    const refuse = (one: Received): undefined => {
      const challenge = { 'www-authenticate': 'Bearer resource_metadata="https://idp.example/"' };
      one.response.writeHead(status, challenge).end();
      return undefined;
    };
    await using server = await startScripted({
      capabilities: { tools: {}, resources: {} },
      answers: {
        'resources/list': () => ({ resources: [{ uri: 'x:1', name: 'x' }] }),
        'resources/templates/list': () => ({ resourceTemplates: [] }),
        'tools/call': refuse,
        'resources/read': refuse,
      },
    });
    await using gateway = await startGateway({ config: configWith({ one: over(server) }, WAIT) });
    const url = `${gateway.url}/mcp`;
    const session = await openSession(url);
    const before = (await session.send(request('tools/list'))).text;
    for (let at = 1; at <= 5; at++) {
      const answer =
        at % 2 === 0
          ? await session.send(toolCall('echo', {}, at))
          : await modern(url, 'tools/call', { name: 'echo', arguments: {} });
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty('www-authenticate');
      expect(messageIn(answer.text)).toMatchObject({
        result: { isError: true, _meta: { 'lanport/error': 'server-auth' } },
      });
      expect(textOf(answer)).toContain('"one"');
      expect(server.all('tools/call')).toHaveLength(at);
    }
    for (const answer of [
      await session.send(request('resources/read', { uri: 'x:1' })),
      await modern(url, 'resources/read', { uri: 'x:1' }),
    ]) {
      expect([answer.status, answer.json()]).toMatchObject([
        200,
        { error: { data: { lanport: 'server-auth' } } },
      ]);
      expect(answer.headers).not.toHaveProperty('www-authenticate');
    }
    expect((await session.send(request('tools/list'))).text).toBe(before);
    expect(server.all('initialize')).toHaveLength(1);
  });
});

it('a credential is exchanged for one server alone, and calls to the others go on', async () => {
  verifies('pain:30-credentials-renewed');
  await using one = await startScripted();
  await using two = await startScripted({ answers: { 'tools/call': () => undefined } });
  const config = (token: string): Record<string, unknown> =>
    configWith({ one: over(one, { auth_type: 'bearer_token', auth_value: token }), two: over(two) }, WAIT);
  await using gateway = await startGateway({ config: config('first') });
  const session = await openSession(`${gateway.url}/mcp`);
  await session.send(request('tools/list'));
  const waiting = session.send(toolCall('two-echo', {}, 'waiting'));
  const call = await two.next('tools/call');
  const file = join(gateway.folder, 'config.yaml');
  expect(await readFile(file, 'utf8')).toContain('first');
  await writeFile(file, JSON.stringify(config('second')));
  process.kill(gateway.pid, 'SIGHUP');
  await one.next('initialize', (each) => each.headers['authorization'] === 'Bearer second');
  await session.send(toolCall('one-echo'));
  expect(one.all('tools/call').map((each) => each.headers['authorization'])).toEqual(['Bearer second']);
  call.reply(textResult('undisturbed'));
  expect(textOf(await waiting)).toBe('undisturbed');
  expect(two.all('initialize')).toHaveLength(1);
  expect((await session.send(request('ping'))).status).toBe(200);
});

it.each([
  ['POST', '/register'],
  ['GET', '/.well-known/oauth-protected-resource'],
  ['GET', '/.well-known/oauth-protected-resource/mcp'],
  ['GET', '/.well-known/oauth-authorization-server'],
  ['GET', '/.well-known/oauth-authorization-server/mcp'],
  ['GET', '/.well-known/openid-configuration'],
  ['GET', '/mcp/.well-known/openid-configuration'],
  ['GET', '/one/mcp/.well-known/openid-configuration'],
])('%s %s is told that there is nothing of that kind, with and without a key', async (method, path) => {
  verifies('pain:31-clients-that-register-first');
  await using gateway = await startGateway({ config: configWith({}) });
  for (const headers of [{}, { authorization: `Bearer ${MASTER_KEY}` }]) {
    const answer = await http(`${gateway.url}${path}`, {
      method,
      headers: { ...headers, 'content-type': 'application/json' },
      ...(method === 'POST' ? { body: '{"redirect_uris":["http://localhost:1/callback"]}' } : {}),
    });
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toContain('application/json');
    expect(answer.json()).toHaveProperty('error');
    expect(answer.headers).not.toHaveProperty('location');
  }
});

it('what a client does not need is kept out of its list, and cannot be called', async () => {
  verifies('pain:25-too-many-tools');
  const tools = ['a', 'b', 'c'].map((name) => plainTool(name, { description: `${name} does it` }));
  await using one = await startScripted({ tools });
  await using two = await startScripted({ tools });
  await using gateway = await startGateway({
    config: configWith(
      {
        one: over(one, { allowed_tools: ['a', 'b'], tool_overrides: { b: { hidden: true } } }),
        two: over(two, { disallowed_tools: ['c'], tool_overrides: { a: { description: 'short' } } }),
      },
      { ...WAIT, virtual_keys: [{ api_key: ANN, mcp_servers: ['two'] }] },
    ),
  });
  const namesOf = async (path: string, key = MASTER_KEY, headers = {}): Promise<string[]> => {
    const { tools: listed } = (await rpc(`${gateway.url}${path}`, key, request('tools/list'), headers)).json<{
      result: { tools: { name: string }[] };
    }>().result;
    return listed.map((tool) => tool.name);
  };
  expect(await namesOf('/mcp')).toEqual(['one-a', 'two-a', 'two-b']);
  expect(await namesOf('/one/mcp')).toEqual(['a']);
  expect(await namesOf('/mcp', MASTER_KEY, { 'x-mcp-servers': 'two' })).toEqual(['a', 'b']);
  expect(await namesOf('/mcp', ANN)).toEqual(['a', 'b']);
  expect((await rpc(`${gateway.url}/mcp`, ANN, request('tools/list'))).text).toContain('"short"');
  for (const [path, name, key] of [
    ['/mcp', 'one-b', MASTER_KEY],
    ['/mcp', 'one-c', MASTER_KEY],
    ['/mcp', 'two-c', MASTER_KEY],
    ['/mcp', 'one-a', ANN],
    ['/two/mcp', 'one-a', MASTER_KEY],
  ] as const)
    expect((await rpc(`${gateway.url}${path}`, key, toolCall(name))).json(), name).toMatchObject({
      error: { code: -32602 },
    });
  expect([...one.all('tools/call'), ...two.all('tools/call')]).toEqual([]);
});
