import { afterEach, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, rpc } from '../support/http.ts';
import { type Puppet, startPuppet } from '../support/puppet-server.ts';
import { messagesOf, openRaw, type RawStream } from '../support/raw-stream.ts';
import { initialize } from '../support/resume-client.ts';
import { startScriptedServer } from '../support/resume-server.ts';
import { verifies } from '../support/verifies.ts';

const MIB = 1024 * 1024;
const AUTHORISED = { authorization: `Bearer ${MASTER_KEY}` };

const opened: AsyncDisposable[] = [];
const streams: RawStream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

const opening = async <T extends AsyncDisposable>(starting: Promise<T>): Promise<T> => {
  const one = await starting;
  opened.push(one);
  return one;
};
const gatewayOf = (server: object, limits: object = {}): Promise<TestGateway> =>
  opening(startGateway({ config: configWith({ one: server }, { limits }) }));
const kept = async (stream: Promise<RawStream>): Promise<RawStream> => {
  streams.push(await stream);
  return stream;
};
const pings = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' }));
const stateOf = async (gateway: TestGateway): Promise<string | undefined> =>
  (await http(`${gateway.url}/health`, { headers: AUTHORISED })).json<{ servers: { state: string }[] }>()
    .servers[0]?.state;

describe('a batch', () => {
  it('may have 100 messages; one with more is refused as a whole, on each transport', async () => {
    verifies('bounds:tables');
    const server = await opening(startScriptedServer());
    const gateway = await gatewayOf({ url: server.url }, { in_flight_per_session_max: 200 });
    const sse = await kept(openRaw(`${gateway.url}/sse`, AUTHORISED));
    await sse.until((one) => one.events.length > 0);
    const [mcp, messages] = [`${gateway.url}/mcp`, `${gateway.url}${sse.events[0]!.text}`];
    const taken = await rpc(mcp, MASTER_KEY, pings(100));
    expect(taken.json<readonly unknown[]>()).toHaveLength(100);
    expect((await rpc(messages, MASTER_KEY, pings(100))).status).toBe(202);
    // News of lists may come in between.
    const replies = () => messagesOf(sse).filter(({ method }) => method === undefined);
    await sse.until(() => replies().length === 100);
    for (const url of [mcp, messages]) {
      const refused = await rpc(url, MASTER_KEY, pings(101));
      expect(refused.status).toBe(400);
      expect(refused.json<{ error: { message: string } }>().error.message).toContain(
        'a batch of more than 100 messages',
      );
    }
    await rpc(messages, MASTER_KEY, { jsonrpc: '2.0', id: 'last', method: 'ping' });
    await sse.until(() => replies().some(({ id }) => id === 'last'));
    expect(replies()).toHaveLength(101);
  });
});

describe('1,000 resources', () => {
  const uris = Array.from({ length: 1_001 }, (_, at) => `test://watched/${at}`);
  const start = async (): Promise<TestGateway> => {
    const server = await opening(startScriptedServer());
    server.resources = uris;
    return gatewayOf({ url: server.url }, { first_list_wait_ms: 25_000 });
  };

  it('may be watched in one session; one more is refused, until one is not watched any more', async () => {
    verifies('bounds:tables');
    const gateway = await start();
    const session = await initialize(`${gateway.url}/mcp`, MASTER_KEY);
    await session.ask('resources/list');
    const watch = (uri: string) => session.ask('resources/subscribe', { uri });
    for (let at = 0; at < 1_000; at += 50)
      for (const answer of await Promise.all(uris.slice(at, at + 50).map(watch)))
        expect(answer.json()).toMatchObject({ result: {} });
    const refused = await watch(uris[1_000]!);
    expect(refused.json<{ error: { message: string } }>().error.message).toContain(
      'this session watches 1000 resources already',
    );
    // One that is watched is no further one.
    expect((await watch(uris[3]!)).json()).toMatchObject({ result: {} });
    await session.ask('resources/unsubscribe', { uri: uris[3] });
    expect((await watch(uris[1_000]!)).json()).toMatchObject({ result: {} });
  });

  it('may be named in one subscription of a stateless client, and no more', async () => {
    verifies('bounds:tables');
    const gateway = await start();
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' };
    const listen = (count: number) => ({
      jsonrpc: '2.0',
      id: 1,
      method: 'subscriptions/listen',
      params: {
        notifications: { resourceSubscriptions: uris.slice(0, count) },
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    });
    await (await initialize(`${gateway.url}/mcp`, MASTER_KEY)).ask('resources/list');
    const stream = await kept(openRaw(`${gateway.url}/mcp`, { ...AUTHORISED, ...headers }, listen(1_000)));
    await stream.until((one) => messagesOf(one).length > 0);
    expect(messagesOf(stream)[0]?.params?.['notifications']).toMatchObject({
      resourceSubscriptions: uris.slice(0, 1_000),
    });
    const refused = await rpc(`${gateway.url}/mcp`, MASTER_KEY, listen(1_001), headers);
    expect(refused.json()).toMatchObject({ id: 1, error: { code: -32602 } });
    expect(refused.text).toContain('more than 1000 resourceSubscriptions');
  });
});

it('a list comes without a server that has said nothing when 2 seconds have gone by since the start', async () => {
  verifies('bounds:deadlines');
  const puppet = await opening(startPuppet());
  const gateway = await gatewayOf({ url: puppet.url, transport: 'http' });
  await puppet.next('POST');
  const listed = await rpc(`${gateway.url}/mcp`, MASTER_KEY, { jsonrpc: '2.0', id: 1, method: 'tools/list' });
  expect(listed.json()).toMatchObject({ result: { tools: [] } });
  // It was not the server's failure that ended the wait.
  expect(await stateOf(gateway)).toBe('starting');
});

describe('a server of HTTP+SSE', () => {
  /** Answers a connection's handshake; what it returns says something on its stream. */
  async function handshake(puppet: Puppet): Promise<(message: object) => void> {
    const get = await puppet.next('GET');
    const say = get.stream();
    get.response.write('event: endpoint\ndata: /messages\n\n');
    const results = {
      initialize: {
        protocolVersion: '2024-11-05',
        capabilities: { tools: {} },
        serverInfo: { name: 'puppet', version: '1' },
      },
      'tools/list': { tools: [{ name: 'work', inputSchema: { type: 'object' } }] },
    };
    for (const [method, result] of Object.entries(results)) {
      const request = await puppet.next(method);
      request.answer();
      say({ jsonrpc: '2.0', id: request.message?.id, result });
      if (method === 'initialize') (await puppet.next('notifications/initialized')).answer();
    }
    return say;
  }

  it('that says more than 16 MiB at once loses its connection, and the next call has another', async () => {
    verifies('bounds:messages');
    const puppet = await opening(startPuppet());
    const gateway = await gatewayOf(
      { url: puppet.url, transport: 'sse', transport_strict: true },
      { first_list_wait_ms: 25_000 },
    );
    const call = () =>
      rpc(`${gateway.url}/mcp`, MASTER_KEY, {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'work', arguments: {} },
      });
    interface Called {
      readonly result: { readonly isError?: boolean; readonly content: readonly { readonly text: string }[] };
    }
    const answer = async (say: (message: object) => void, bytes: number): Promise<void> => {
      const request = await puppet.next('tools/call');
      request.answer();
      const content = [{ type: 'text', text: 'x'.repeat(bytes) }];
      say({ jsonrpc: '2.0', id: request.message?.id, result: { content } });
    };
    const first = await handshake(puppet);
    const fitting = call();
    await answer(first, 16 * MIB - 1_000);
    expect((await fitting).json<Called>().result.content[0]?.text).toHaveLength(16 * MIB - 1_000);
    const large = call();
    await answer(first, 16 * MIB);
    const { result } = (await large).json<Called>();
    expect(result.isError).toBe(true);
    expect(result.content[0]?.text).toContain('limits.message_bytes_max');
    const next = call();
    await answer(await handshake(puppet), 3);
    expect((await next).json<Called>().result.content[0]?.text).toBe('xxx');
  });
});

it('a call that takes longer than the gateway may take to stop is given up, answered with what became of it, and recorded', async () => {
  verifies('bounds:drain');
  const server = await opening(startScriptedServer());
  const gateway = await gatewayOf({ url: server.url }, { shutdown_drain_ms: 300 });
  const session = await initialize(`${gateway.url}/mcp`, MASTER_KEY);
  const calling = session.ask('tools/call', { name: 'work' });
  const call = await server.call(0);
  expect(await gateway.stop()).toBe(0);
  await call.closed;
  expect((await calling).json()).toMatchObject({
    result: { isError: true, _meta: { 'lanport/error': 'call-lost' } },
  });
  await gateway.restart();
  const rows = await http(`${gateway.url}/v1/ledger`, { headers: AUTHORISED });
  expect(rows.json()).toMatchObject([{ toolName: 'work', status: 'error', errorCode: 'call-lost' }]);
});
