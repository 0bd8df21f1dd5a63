import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LegacyRaw, ModernRaw, type RawAnswer } from '../support/scripted/raw-client.ts';
import { sdkV1, sdkV2 } from '../support/clients/sdk-clients.ts';
import { ALL_KINDS, type ScriptedFleet, startFleet } from '../support/scripted/fleet.ts';
import { ANNA, BEN } from '../support/scripted/gateway.ts';
import {
  type Json,
  LEGACY_KINDS,
  type Said,
  type ScriptedKind,
} from '../support/scripted/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const DONE = { content: [{ type: 'text', text: 'done' }] };
const CLIENTS = ['2025-11-25', '2026-07-28'] as const;

let fleet: ScriptedFleet;

beforeAll(async () => {
  fleet = await startFleet();
});

afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
});

/** Sends requests as a client of that era; `meta` goes into `_meta`. */
async function clientOf(era: (typeof CLIENTS)[number], key?: string) {
  const options = key === undefined ? {} : { key };
  if (era === '2026-07-28') {
    const client = new ModernRaw(fleet.gateway, options);
    return (method: string, params: Json, meta: Json = {}): Promise<RawAnswer> =>
      client.send(method, params, meta);
  }
  const client = await LegacyRaw.open(fleet.gateway, options);
  return (method: string, params: Json, meta: Json = {}): Promise<RawAnswer> =>
    client.send(method, { ...params, _meta: meta });
}

const work = (kind: ScriptedKind, args: Json = {}): Json => ({
  name: fleet.named(kind, 'work'),
  arguments: args,
});
const callWith = (text: string) => (said: Said) => said.text.includes(text);

const metaOf = (said: Said): Json => (said.message.params?.['_meta'] ?? {}) as Json;

describe.each(CLIENTS)('progress for a client of %s', (era) => {
  it.each(ALL_KINDS)(
    'from a %s server: its own token, every step in order, all before the answer',
    async (kind) => {
      verifies('mcp:progress');
      const send = await clientOf(era);
      for (const token of ['a token', '', 0, -7, '1', 9_007_199_254_740_991]) {
        const sent = send('tools/call', work(kind), { progressToken: token });
        const call = await fleet.of(kind).next('tools/call');
        const theirs = metaOf(call)['progressToken'];
        for (const progress of [1, 2, 2.5])
          call.say({
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken: theirs, progress, total: 3, message: `step ${progress}`, 'x-new': null },
          });
        call.reply(DONE);
        using answer = await sent;
        await answer.ended;
        expect(answer.messages.map((one) => one.params?.['progress'] ?? 'answer')).toEqual([
          1,
          2,
          2.5,
          'answer',
        ]);
        expect(answer.messages[0]!.params).toEqual({
          progressToken: token,
          progress: 1,
          total: 3,
          message: 'step 1',
          'x-new': null,
        });
      }
    },
  );

  it.each(ALL_KINDS)(
    'of two clients with the same token at a %s server: each hears its own',
    async (kind) => {
      verifies('mcp:progress');
      const [anna, ben] = await Promise.all([clientOf(era, ANNA), clientOf(era, BEN)]);
      const meta = { progressToken: 1 };
      const sent = [
        anna('tools/call', work(kind, { by: 'anna' }), meta),
        ben('tools/call', work(kind, { by: 'ben' }), meta),
      ];
      const server = fleet.of(kind);
      const calls = await Promise.all([
        server.next('tools/call', callWith('anna')),
        server.next('tools/call', callWith('ben')),
      ]);
      const tokens = calls.map((call) => metaOf(call)['progressToken']);
      expect(tokens[0]).not.toBe(tokens[1]);
      for (const at of [1, 0]) {
        const call = calls[at]!;
        const params = { progressToken: tokens[at], progress: at };
        call.say({ jsonrpc: '2.0', method: 'notifications/progress', params });
        call.say({
          jsonrpc: '2.0',
          method: 'notifications/progress',
          params: { progressToken: 'nobody', progress: 9 },
        });
        call.reply(DONE);
      }
      for (const [at, one] of sent.entries()) {
        using answer = await one;
        await answer.ended;
        expect(answer.messages.map((message) => message.params?.['progress'] ?? 'answer')).toEqual([
          at,
          'answer',
        ]);
      }
    },
  );

  it.each(ALL_KINDS)(
    'is asked of a %s server only when the client asks, and none comes after the answer',
    async (kind) => {
      verifies('mcp:progress');
      const send = await clientOf(era);
      const sent = send('tools/call', work(kind));
      const call = await fleet.of(kind).next('tools/call');
      expect(metaOf(call)).not.toHaveProperty('progressToken');
      call.reply(DONE);
      using answer = await sent;
      await answer.ended;
      expect(answer.messages).toHaveLength(1);
    },
  );
});

it.each(ALL_KINDS)('the SDKs of both eras hear the progress of a %s server', async (kind) => {
  verifies('mcp:progress');
  await using v1 = await sdkV1(fleet.gateway);
  await using v2 = await sdkV2(fleet.gateway);
  for (const client of [v1, v2] as const) {
    const heard: number[] = [];
    const onprogress = ({ progress }: { progress: number }): void => void heard.push(progress);
    const params = { name: fleet.named(kind, 'work'), arguments: {} };
    const [result] = await Promise.all([
      client === v1 ? v1.callTool(params, undefined, { onprogress }) : v2.callTool(params, { onprogress }),
      fleet
        .of(kind)
        .next('tools/call')
        .then((call) => {
          const { progressToken } = metaOf(call);
          for (const progress of [1, 2])
            call.say({
              jsonrpc: '2.0',
              method: 'notifications/progress',
              params: { progressToken, progress },
            });
          call.reply(DONE);
        }),
    ]);
    expect(result.content).toEqual(DONE.content);
    expect(heard).toEqual([1, 2]);
  }
});

describe('cancellation', () => {
  it.each(ALL_KINDS)(
    'by a client of 2025-11-25 reaches the right call of a %s server, and only it',
    async (kind) => {
      verifies('mcp:cancellation');
      const server = fleet.of(kind);
      const client = await LegacyRaw.open(fleet.gateway);
      const stranger = await LegacyRaw.open(fleet.gateway);
      const before = server.count('notifications/cancelled');
      // The same number as text is another id; so is the same id in another session.
      const sent = [
        client.send('tools/call', work(kind, { the: 'first' }), 1),
        client.send('tools/call', work(kind, { the: 'second' }), '1'),
        stranger.send('tools/call', work(kind, { the: 'third' }), '1'),
      ];
      const calls = await Promise.all(
        ['first', 'second', 'third'].map((the) => server.next('tools/call', callWith(the))),
      );
      await client.tell('notifications/cancelled', { requestId: 'none of its' });
      await client.tell('notifications/cancelled', { requestId: '1', reason: 'changed my mind' });
      if (kind === 'modern') await calls[1]!.closed;
      else {
        const { message } = await server.next('notifications/cancelled');
        expect(message.params?.['requestId']).toBe(calls[1]!.message.id);
      }
      // An answer that comes all the same is nobody's.
      if (kind !== 'modern') calls[1]!.reply(DONE);
      calls[0]!.reply(DONE);
      calls[2]!.reply(DONE);
      using first = await sent[0]!;
      using second = await sent[1]!;
      using third = await sent[2]!;
      expect((await first.reply()).result).toMatchObject(DONE);
      expect((await third.reply()).result).toMatchObject(DONE);
      await second.ended;
      expect(second.messages).toEqual([]);
      if (kind !== 'modern') expect(server.count('notifications/cancelled')).toBe(before + 1);
    },
  );

  it.each(ALL_KINDS)(
    'by a client of 2026-07-28 is closing the request, and reaches a %s server',
    async (kind) => {
      verifies('mcp:cancellation');
      const server = fleet.of(kind);
      const client = new ModernRaw(fleet.gateway);
      const sent = client.send('tools/call', work(kind), { progressToken: 1 });
      const call = await server.next('tools/call');
      call.say({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: metaOf(call)['progressToken'], progress: 1 },
      });
      const answer = await sent;
      await answer.message((one) => one.method === 'notifications/progress');
      answer.close();
      if (kind === 'modern') await call.closed;
      else {
        const { message } = await server.next('notifications/cancelled');
        expect(message.params?.['requestId']).toBe(call.message.id);
      }
    },
  );

  it.each(LEGACY_KINDS)(
    'is not what a client of 2025-11-25 means that loses its connection to a %s server',
    async (kind) => {
      verifies('mcp:cancellation');
      const server = fleet.of(kind);
      const client = await LegacyRaw.open(fleet.gateway);
      const before = server.count('notifications/cancelled');
      const sent = client.send('tools/call', { ...work(kind), _meta: { progressToken: 1 } });
      const call = await server.next('tools/call');
      const step = (progress: number): void =>
        call.say({
          jsonrpc: '2.0',
          method: 'notifications/progress',
          params: { progressToken: metaOf(call)['progressToken'], progress },
        });
      step(1);
      const answer = await sent;
      await answer.message((one) => one.method === 'notifications/progress');
      answer.close();
      await answer.ended;
      // Something else goes through all the way, so that the loss was noticed before.
      const [other] = await Promise.all([
        client.ask('tools/call', work(kind, { after: 'it' })),
        server.next('tools/call', callWith('after')).then((one) => one.reply(DONE)),
      ]);
      expect(other.result).toMatchObject(DONE);
      expect(server.count('notifications/cancelled')).toBe(before);
      call.reply(DONE);
    },
  );
});

describe('ping', () => {
  it('of a client of 2025-11-25 is answered at once; one of 2026-07-28 has none', async () => {
    verifies('mcp:ping');
    const legacy = await LegacyRaw.open(fleet.gateway);
    expect((await legacy.ask('ping')).result).toEqual({});
    using modern = await new ModernRaw(fleet.gateway).send('ping');
    expect(modern.status).toBe(404);
    expect((await modern.reply()).error?.code).toBe(-32601);
  });

  it.each(LEGACY_KINDS)(
    'of a %s server is answered, on its own stream and on that of a call',
    async (kind) => {
      verifies('mcp:ping');
      const server = fleet.of(kind);
      const [link] = server.links;
      expect(await link!.ask('ping')).toMatchObject({ result: {} });
      const client = await LegacyRaw.open(fleet.gateway);
      const sent = client.ask('tools/call', work(kind));
      const call = await server.next('tools/call');
      expect(await call.ask('ping', undefined, '')).toMatchObject({ id: '', result: {} });
      call.reply(DONE);
      expect((await sent).result).toMatchObject(DONE);
    },
  );
});
