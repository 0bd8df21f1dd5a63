import { afterEach, describe, expect, it } from 'vitest';
import { LegacyRaw } from '../support/scripted/raw-client.ts';
import type { TestGateway } from '../support/gateway.ts';
import { ALL_KINDS, startFleet } from '../support/scripted/fleet.ts';
import {
  type Json,
  type Message,
  progressTokenOf,
  type Said,
  type ScriptedKind,
  type ScriptedOptions,
  type ScriptedServer,
} from '../support/scripted/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const text = (words: string): Json => ({ content: [{ type: 'text', text: words }] });
const DONE = text('done');
const note = (method: string, params?: Json): Json => ({ jsonrpc: '2.0', method, params });
const MIB = 1024 * 1024;

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function start(
  kind: ScriptedKind,
  options: ScriptedOptions = {},
): Promise<{ server: ScriptedServer; gateway: TestGateway; client: LegacyRaw }> {
  const fleet = await startFleet([kind], options);
  open.push(fleet);
  return { server: fleet.of(kind), gateway: fleet.gateway, client: await LegacyRaw.open(fleet.gateway) };
}

/** Begins a call; `by` tells it from others. */
async function begin(
  client: LegacyRaw,
  server: ScriptedServer,
  by = 'it',
): Promise<{ reply: Promise<Message>; call: Said }> {
  const reply = client.ask('tools/call', { name: 'work', arguments: { by } });
  return { reply, call: await server.next('tools/call', (said) => said.text.includes(`"by":"${by}"`)) };
}

/** The server still answers. */
async function works(client: LegacyRaw, server: ScriptedServer): Promise<void> {
  const { reply, call } = await begin(client, server, 'works');
  call.reply(DONE);
  expect((await reply).result).toMatchObject(DONE);
}

/** How often somebody introduced themselves to it. */
const contactsOf = (server: ScriptedServer): number =>
  server.count('server/discover') + server.count('initialize');

describe.each(['http', 'modern'] as const)('a %s server that has too much to do', (kind) => {
  it.each([429, 503])(
    'and says so with %i gets the call no second time, and keeps its connection',
    async (status) => {
      verifies('mcp:repeat');
      const { server, client } = await start(kind);
      const contacts = contactsOf(server);
      const other = await begin(client, server, 'other');
      const { reply, call } = await begin(client, server);
      call.refuse(status, '{"error":"later, please"}');
      const { result } = await reply;
      expect(result).toMatchObject({ isError: true, _meta: { 'lanport/error': 'server-down' } });
      expect(JSON.stringify(result)).toContain(`overloaded`);
      expect(JSON.stringify(result)).toContain(`HTTP ${status}`);
      other.call.reply(DONE);
      expect((await other.reply).result).toMatchObject(DONE);
      await works(client, server);
      expect(server.count('tools/call')).toBe(3);
      expect(contactsOf(server)).toBe(contacts);
    },
  );
});

describe('a server with sessions that answers a call with 400', () => {
  it('and an error of the tool’s own that speaks of a session has that error passed on', async () => {
    verifies('mcp:lost-session');
    const { server, client } = await start('http');
    const { reply, call } = await begin(client, server);
    const error = { code: -32602, message: 'there is no browser session 7', data: { session: 7 } };
    call.refuse(400, JSON.stringify({ jsonrpc: '2.0', id: call.message.id, error }));
    expect((await reply).error).toEqual(error);
    await works(client, server);
    expect(server.count('initialize')).toBe(1);
    expect(server.count('tools/call')).toBe(2);
  });

  it('because it lost the session gets the call again in a new one', async () => {
    verifies('mcp:lost-session');
    const { server, client } = await start('http');
    const { reply, call } = await begin(client, server);
    const error = { code: -32_000, message: 'Bad Request: No valid session ID provided' };
    call.refuse(400, JSON.stringify({ jsonrpc: '2.0', id: null, error }));
    const again = await server.next('tools/call');
    again.reply(DONE);
    expect((await reply).result).toMatchObject(DONE);
    expect(server.count('initialize')).toBe(2);
  });
});

describe.each(['http', 'modern'] as const)('an event stream of a %s server with 40 MiB', (kind) => {
  it('in many messages is read to its answer', async () => {
    verifies('bounds:messages');
    const { server, client } = await start(kind);
    const { reply, call } = await begin(client, server);
    // The client wants to hear of none of them.
    const part = note('notifications/message', { level: 'debug', data: 'x'.repeat(MIB) });
    for (let at = 0; at < 40; at++) call.say(part);
    call.reply(DONE);
    expect((await reply).result).toMatchObject(DONE);
  });

  it('in one message fails the call that it answers, says which bound, and costs nothing else', async () => {
    verifies('bounds:messages');
    const { server, client } = await start(kind);
    const contacts = contactsOf(server);
    const other = await begin(client, server, 'other');
    const { reply, call } = await begin(client, server);
    call.say(note('notifications/message', { level: 'debug', data: 'its stream is open' }));
    call.reply(text('x'.repeat(40 * MIB)));
    const { result } = await reply;
    expect(result).toMatchObject({ isError: true, _meta: { 'lanport/error': 'response-too-large' } });
    expect(JSON.stringify(result)).toContain('limits.message_bytes_max');
    other.call.reply(DONE);
    expect((await other.reply).result).toMatchObject(DONE);
    await works(client, server);
    expect(contactsOf(server)).toBe(contacts);
  });
});

describe.each(['stdio', 'modern-stdio', 'http'] as const)('a %s server that does not want to end', (kind) => {
  it('is ended, and does not keep the gateway', async () => {
    const { server, gateway } = await start(kind, { isStubborn: true });
    const links = [...server.links];
    expect(await gateway.stop()).toBe(0);
    expect(gateway.log.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
    await Promise.all(links.map((link) => link.closed));
  });
});

describe.each(ALL_KINDS)('a %s server that does not count', (kind) => {
  it('has each call answered by its first reply, whatever else it says about it', async () => {
    verifies('mcp:isolation-of-failure');
    const { server, client } = await start(kind);
    const contacts = contactsOf(server);
    const [a, b] = [await begin(client, server, 'a'), await begin(client, server, 'b')];
    const reply = (id: unknown, words: string) => ({ jsonrpc: '2.0', id, result: text(words) });
    const id = a.call.message.id;
    a.call.say(reply(999_999, 'of nothing'));
    a.call.say(reply(null, 'of nobody'));
    a.call.say(reply(String(id), 'the first'));
    a.call.say(reply(id, 'the second'));
    a.call.say({ jsonrpc: '2.0', id, error: { code: 1, message: 'the third' } });
    expect((await a.reply).result).toMatchObject(text('the first'));
    b.call.reply(DONE);
    expect((await b.reply).result).toMatchObject(DONE);
    await works(client, server);
    expect(contactsOf(server)).toBe(contacts);
  });

  it('may say several things at once', async () => {
    verifies('mcp:isolation-of-failure');
    const { server, client } = await start(kind);
    using sent = await (async () => {
      const answer = client.send('tools/call', {
        name: 'work',
        arguments: { by: 'it' },
        _meta: { progressToken: 't' },
      });
      const call = await server.next('tools/call');
      const token = progressTokenOf(call.message);
      const progress = note('notifications/progress', { progressToken: token, progress: 1 });
      call.say([progress, { jsonrpc: '2.0', id: call.message.id, result: DONE }]);
      return answer;
    })();
    expect((await sent.reply()).result).toMatchObject(DONE);
    expect(sent.messages[0]!.params).toEqual({ progressToken: 't', progress: 1 });
    await works(client, server);
  });

  it('fails a call at once whose answer is no answer', async () => {
    verifies('mcp:isolation-of-failure');
    const { server, client } = await start(kind);
    const { reply, call } = await begin(client, server);
    call.say({ jsonrpc: '2.0', id: call.message.id, result: 'not an object' });
    expect((await reply).result).toMatchObject({
      isError: true,
      _meta: { 'lanport/error': 'server-protocol' },
    });
    await works(client, server);
  });
});
