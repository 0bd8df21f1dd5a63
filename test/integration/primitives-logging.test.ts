import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LegacyRaw, ModernRaw } from '../support/scripted/raw-client.ts';
import { ALL_KINDS, type ScriptedFleet, startFleet } from '../support/scripted/fleet.ts';
import { ANNA, BEN } from '../support/scripted/gateway.ts';
import {
  isModern,
  type Json,
  LEGACY_KINDS,
  type Message,
  type Said,
  type ScriptedKind,
} from '../support/scripted/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const DONE = { content: [] };
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';

let fleet: ScriptedFleet;

beforeAll(async () => {
  fleet = await startFleet();
});

afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
});

const work = (kind: ScriptedKind, args: Json = {}): Json => ({
  name: fleet.named(kind, 'work'),
  arguments: args,
});

const line = (level: string, data: unknown = level) => ({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { level, logger: 'it', data, 'x-new': [1] },
});

/** Logs a line of every level on the call's stream, then answers. */
function logAll(call: Said): void {
  for (const level of LEVELS) call.say(line(level, { of: level }));
  call.reply(DONE);
}

const levelsIn = (messages: readonly Message[]): unknown[] =>
  messages.filter((one) => one.method === 'notifications/message').map((one) => one.params?.['level']);

describe.each(ALL_KINDS)('what a %s server logs during a call', (kind) => {
  it('reaches a session from its level on, as it was said, before the answer', async () => {
    verifies('mcp:logging');
    const client = await LegacyRaw.open(fleet.gateway);
    const other = await LegacyRaw.open(fleet.gateway);
    for (const [level, expected] of [
      [undefined, LEVELS.slice(1)],
      ['emergency', ['emergency']],
      ['warning', LEVELS.slice(3)],
      ['debug', LEVELS],
    ] as const) {
      if (level !== undefined)
        expect(await client.ask('logging/setLevel', { level })).toMatchObject({ result: {} });
      const sent = client.send('tools/call', work(kind));
      logAll(await fleet.of(kind).next('tools/call'));
      using answer = await sent;
      await answer.ended;
      expect(levelsIn(answer.messages)).toEqual(expected);
      expect(answer.messages.at(-1)?.result).toMatchObject(DONE);
      expect(answer.messages[0]!.params).toEqual({
        level: expected[0],
        logger: 'it',
        data: { of: expected[0] },
        'x-new': [1],
      });
    }
    // The other session has a level of its own.
    const sent = other.send('tools/call', work(kind));
    logAll(await fleet.of(kind).next('tools/call'));
    using answer = await sent;
    await answer.ended;
    expect(levelsIn(answer.messages)).toEqual(LEVELS.slice(1));
  });

  it('reaches a client of 2026-07-28 when that very request asks for it', async () => {
    verifies('mcp:logging');
    const client = new ModernRaw(fleet.gateway);
    for (const [level, expected] of [
      [undefined, []],
      ['error', LEVELS.slice(4)],
      ['no such level', []],
    ] as const) {
      const sent = client.send('tools/call', work(kind), level === undefined ? {} : { [LOG_LEVEL]: level });
      const call = await fleet.of(kind).next('tools/call');
      const meta = call.message.params?.['_meta'] as Json | undefined;
      if (isModern(kind)) expect(meta?.[LOG_LEVEL]).toBe(expected.length > 0 ? level : undefined);
      else expect(meta).toBeUndefined();
      logAll(call);
      using answer = await sent;
      await answer.ended;
      expect(levelsIn(answer.messages)).toEqual(expected);
    }
  });
});

describe.each(LEGACY_KINDS)('a %s server', (kind) => {
  it('never has what it logs on a shared stream told to another principal', async () => {
    verifies('mcp:logging');
    // One of its own: what is logged up to a second after a call of somebody else's was answered may still be about that.
    await using own = await startFleet([kind, 'modern']);
    const server = own.of(kind);
    const anna = await LegacyRaw.open(own.gateway, { key: ANNA });
    const ben = await LegacyRaw.open(own.gateway, { key: BEN });
    using annasStream = await anna.listen();
    using bensStream = await ben.listen();
    const annasCall = anna.send('tools/call', work(kind, { by: 'anna' }));
    const [link] = server.links;
    const annas = await server.next('tools/call', ({ text }) => text.includes('anna'));
    link!.say(line('error', 'while there is only her'));
    // A ping on the same stream is answered after the lines before it were read.
    await link!.ask('ping');
    const bensCall = ben.send('tools/call', work(kind, { by: 'ben' }));
    const bens = await server.next('tools/call', ({ text }) => text.includes('ben'));
    link!.say(line('error', 'whose is this?'));
    bens.reply(DONE);
    using second = await bensCall;
    await second.ended;
    link!.say(line('error', 'hers again'));
    await link!.ask('ping');
    annas.reply(DONE);
    using first = await annasCall;
    await first.ended;
    link!.say(line('error', 'after everything'));
    await link!.ask('ping');
    const said = (messages: readonly Message[]): unknown[] =>
      messages.filter((one) => one.method === 'notifications/message').map((one) => one.params?.['data']);
    // Over HTTP a line may have been overtaken by the answer to its call, so it may still be Ben's.
    const again = kind === 'http' ? [] : ['hers again'];
    expect(said(first.messages)).toEqual(['while there is only her', ...again]);
    expect(said(second.messages)).toEqual([]);
    expect(said(annasStream.messages)).toEqual([]);
    expect(said(bensStream.messages)).toEqual([]);
  });

  it('is told the least severe level that anybody wants, and is not told again', async () => {
    verifies('mcp:logging');
    await using own = await startFleet([kind, 'modern']);
    const server = own.of(kind);
    const call = async (level: string): Promise<void> => {
      const client = await LegacyRaw.open(own.gateway);
      await client.ask('logging/setLevel', { level });
      const [reply] = await Promise.all([
        client.ask('tools/call', { name: own.named(kind, 'work') }),
        server.next('tools/call').then((one) => one.reply(DONE)),
      ]);
      expect(reply.result).toMatchObject(DONE);
    };
    await call('error');
    expect((await server.next('logging/setLevel')).message.params).toEqual({ level: 'error' });
    await call('critical');
    await call('error');
    await call('debug');
    expect((await server.next('logging/setLevel')).message.params).toEqual({ level: 'debug' });
    await call('info');
    expect(server.count('logging/setLevel')).toBe(2);
  });
});

it('a level that does not exist is refused', async () => {
  const client = await LegacyRaw.open(fleet.gateway);
  for (const level of ['loud', 3, undefined])
    expect((await client.ask('logging/setLevel', { level })).error?.code).toBe(-32602);
});
