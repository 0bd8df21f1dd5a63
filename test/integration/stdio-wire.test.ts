import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { handshake, type LineClient, startCommand } from '../support/clients/stdio-clients.ts';
import { type Puppet, startPuppet } from '../support/puppet-server.ts';
import { verifies } from '../support/verifies.ts';

/** What `lanport stdio` says to a server over HTTP, seen from a server whose every answer the test gives. */

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
const INITIALIZED = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {} },
  serverInfo: { name: 'puppet', version: '1' },
};

const result = (id: unknown, value: unknown = {}) => ({ jsonrpc: '2.0', id, result: value });
const modern = (id: number, method: string, params: Record<string, unknown> = {}) => ({
  jsonrpc: '2.0',
  id,
  method,
  params: { ...params, _meta: META },
});

const relay = (puppet: Puppet, ...args: string[]): LineClient =>
  startCommand(['stdio', '--url', puppet.url, '--wait', '20', ...args]);

/** A legacy client whose session is open, and whose GET stream the server has refused or holds. */
async function connected(puppet: Puppet, client: LineClient, session = 's1'): Promise<void> {
  const done = handshake(client);
  const hello = await puppet.next('initialize');
  hello.answer(result(hello.message!.id, INITIALIZED), 200, { 'mcp-session-id': session });
  await done;
  (await puppet.next('notifications/initialized')).answer();
}

describe('a legacy client', () => {
  it('keeps its session and its revision in the headers, and leaves with a DELETE', async () => {
    await using puppet = await startPuppet();
    await using client = relay(puppet, '--header', 'X-Mine: yes');
    await connected(puppet, client);
    const get = await puppet.next('GET');
    get.answer(undefined, 405);
    const list = client.request(1, 'tools/list');
    const request = await puppet.next('tools/list');
    expect(request.headers).toMatchObject({
      'mcp-session-id': 's1',
      'mcp-protocol-version': '2025-11-25',
      accept: 'application/json, text/event-stream',
      'x-mine': 'yes',
    });
    expect(request.headers['mcp-method']).toBeUndefined();
    expect(puppet.requests[0]!.headers['mcp-session-id']).toBeUndefined();
    request.answer(result(1, { tools: [] }));
    expect(await list).toEqual(result(1, { tools: [] }));
    const ended = client.end();
    const leave = await puppet.next('DELETE');
    expect(leave.headers['mcp-session-id']).toBe('s1');
    leave.answer(undefined, 200);
    expect(await ended).toBe(0);
  });

  it('is asked by the server on the GET stream, which is opened again where it ended', async () => {
    verifies('stdio:transparent');
    await using puppet = await startPuppet();
    await using client = relay(puppet);
    await connected(puppet, client);
    const first = await puppet.next('GET');
    expect(first.headers['mcp-session-id']).toBe('s1');
    first.stream()({ jsonrpc: '2.0', id: 'ask', method: 'roots/list' }, 'event-7');
    await client.message<{ id: string }>(({ id }) => id === 'ask');
    client.write(result('ask', { roots: [] }));
    const response = await puppet.next('POST');
    expect(response.message).toEqual(result('ask', { roots: [] }));
    response.answer();
    first.cut();
    const second = await puppet.next('GET');
    expect(second.headers['last-event-id']).toBe('event-7');
    second.stream()({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    await client.message<{ method: string }>(({ method }) => method === 'notifications/tools/list_changed');
  });

  it('does not notice that its session was lost: it is opened anew and the request repeated, once', async () => {
    verifies('stdio:outlives-the-gateway', 'pain:15-clients-that-do-not-begin-anew');
    await using puppet = await startPuppet();
    await using client = relay(puppet);
    await connected(puppet, client, 'old');
    (await puppet.next('GET')).answer(undefined, 405);
    const call = client.request(1, 'tools/call', { name: 'a' });
    (await puppet.next('tools/call')).answer(undefined, 404);
    const hello = await puppet.next('initialize');
    expect(hello.headers['mcp-session-id']).toBeUndefined();
    expect(hello.message).toEqual(puppet.requests[0]!.message);
    hello.answer(result('hello', INITIALIZED), 200, { 'mcp-session-id': 'new' });
    const initialized = await puppet.next('notifications/initialized');
    expect(initialized.headers['mcp-session-id']).toBe('new');
    initialized.answer();
    (await puppet.next('GET')).answer(undefined, 405);
    const again = await puppet.next('tools/call');
    expect(again.headers['mcp-session-id']).toBe('new');
    again.answer(undefined, 404);
    // A second loss is the client's to hear of: it must not go round for ever.
    expect((await call).error?.message).toMatch(/answered HTTP 404/);
    expect(client.out.filter((line) => line.includes('"hello"'))).toHaveLength(1);
  });

  it('is told of a call whose connection broke, which is not repeated; a list is', async () => {
    verifies('stdio:words');
    await using puppet = await startPuppet();
    await using client = relay(puppet);
    await connected(puppet, client);
    const call = client.request(1, 'tools/call', { name: 'a' });
    (await puppet.next('tools/call')).cut();
    expect((await call).error).toMatchObject({
      message: expect.stringMatching(
        /ended before the answer came: .* not repeated, because it may have taken effect/,
      ) as string,
      data: { lanport: 'relay-cut' },
    });
    const list = client.request(2, 'tools/list');
    (await puppet.next('tools/list')).cut();
    (await puppet.next('tools/list')).answer(result(2, { tools: [] }));
    expect(await list).toEqual(result(2, { tools: [] }));
    expect(puppet.requests.filter((one) => one.message?.method === 'tools/call')).toHaveLength(1);
  });

  it('goes on with the stream of a call that was closed before the answer, where the server numbers its events', async () => {
    await using puppet = await startPuppet();
    await using client = relay(puppet);
    await connected(puppet, client);
    (await puppet.next('GET')).answer(undefined, 405);
    const call = client.request(1, 'tools/call', { name: 'slow' });
    const first = await puppet.next('tools/call');
    first.stream()(
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } },
      'e1',
    );
    first.response.end();
    const again = await puppet.next('GET');
    expect(again.headers['last-event-id']).toBe('e1');
    again.stream()(result(1, { content: [] }), 'e2');
    expect(await call).toEqual(result(1, { content: [] }));
    again.response.end();
  });

  it('is answered what was refused without having been done, once there is room', async () => {
    await using puppet = await startPuppet();
    await using client = relay(puppet);
    await connected(puppet, client);
    const call = client.request(1, 'tools/call', { name: 'a' });
    (await puppet.next('tools/call')).answer(undefined, 503);
    (await puppet.next('tools/call')).answer(result(1));
    expect(await call).toEqual(result(1));
  });
});

describe('a modern client', () => {
  it('has its messages described in headers, and no session', async () => {
    verifies('stdio:transparent');
    await using puppet = await startPuppet();
    await using client = relay(puppet);
    client.write(modern(1, 'tools/call', { name: 'grüße', arguments: { big: 1 } }));
    const { headers, answer } = await puppet.next('tools/call');
    expect(headers).toMatchObject({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': `=?base64?${Buffer.from('grüße').toString('base64')}?=`,
    });
    answer(result(1, { resultType: 'complete', content: [] }));
    await client.message<{ id: number }>(({ id }) => id === 1);
    expect(await client.end()).toBe(0);
    expect(puppet.requests.map((one) => one.method)).toEqual(['POST']);
  });

  it('cancels by message, which closes the request and is not sent', async () => {
    await using puppet = await startPuppet();
    await using client = relay(puppet);
    client.write(modern(1, 'tools/call', { name: 'slow' }));
    const call = await puppet.next('tools/call');
    call.stream();
    client.write({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    await call.closed;
    expect(await client.end()).toBe(0);
    expect(client.out).toEqual([]);
    expect(puppet.requests).toHaveLength(1);
  });

  it('keeps its subscription when the connection breaks, and sees it begin once', async () => {
    verifies('stdio:outlives-the-gateway');
    await using puppet = await startPuppet();
    await using client = relay(puppet);
    const acknowledged = { jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: {} };
    client.write(modern(5, 'subscriptions/listen', { notifications: { toolsListChanged: true } }));
    const first = await puppet.next('subscriptions/listen');
    first.stream()(acknowledged);
    await client.message<{ method: string }>(({ method }) => method === acknowledged.method);
    first.cut();
    const second = await puppet.next('subscriptions/listen');
    expect(second.message).toEqual(first.message);
    const send = second.stream();
    send(acknowledged);
    send({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: {} });
    await client.message<{ method: string }>(({ method }) => method === 'notifications/tools/list_changed');
    expect(client.out).toHaveLength(2);
    expect(await client.end()).toBe(0);
  });

  it('need not list the tools for a header that a schema asks for', async () => {
    await using puppet = await startPuppet();
    await using client = relay(puppet);
    client.write(modern(1, 'tools/call', { name: 'weather', arguments: { region: 'eu west' } }));
    const first = await puppet.next('tools/call');
    expect(first.headers['mcp-param-region']).toBeUndefined();
    const mismatch = { code: -32020, message: 'Header Mcp-Param-Region is missing' };
    first.answer({ jsonrpc: '2.0', id: 1, error: mismatch }, 400);
    const list = await puppet.next('tools/list');
    expect(list.headers['mcp-method']).toBe('tools/list');
    const properties = { region: { type: 'string', 'x-mcp-header': 'Region' } };
    list.answer(
      result(list.message!.id, {
        resultType: 'complete',
        tools: [{ name: 'weather', inputSchema: { type: 'object', properties } }],
      }),
    );
    const second = await puppet.next('tools/call');
    expect(second.headers['mcp-param-region']).toBe('eu west');
    second.answer(result(1));
    await client.message<{ id: number }>(({ id }) => id === 1);
    expect(client.out).toHaveLength(1);
  });
});

it('a client that does not read holds the server back, and then gets everything in order', async () => {
  await using puppet = await startPuppet();
  const client = relay(puppet);
  await using _ended = client;
  client.write(modern(1, 'subscriptions/listen', { notifications: {} }));
  const { stream, response } = await puppet.next('subscriptions/listen');
  stream();
  client.child.stdout!.pause();
  const events = 600;
  const filler = 'x'.repeat(100_000);
  let stalledAt: number | undefined;
  for (let n = 0; n < events; n++) {
    const message = { jsonrpc: '2.0', method: 'notifications/message', params: { n, filler } };
    if (response.write(`data: ${JSON.stringify(message)}\n\n`)) continue;
    if (stalledAt !== undefined) {
      await once(response, 'drain');
      continue;
    }
    const drained = await Promise.race([
      once(response, 'drain').then(() => true),
      new Promise<boolean>((resolve) => {
        setTimeout(() => resolve(false), 1_000);
      }),
    ]);
    if (drained) continue;
    stalledAt = n;
    client.child.stdout!.resume();
    await once(response, 'drain');
  }
  // What lies between is in the buffers of the system and of the two processes.
  expect(stalledAt).toBeLessThan(300);
  await client.message<{ params: { n: number } }>(({ params }) => params.n === events - 1);
  expect(client.out.map((line) => (JSON.parse(line) as { params: { n: number } }).params.n)).toEqual(
    Array.from({ length: events }, (_, n) => n),
  );
});
