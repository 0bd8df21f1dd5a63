import { afterEach, describe, expect, it } from 'vitest';
import { LegacyRaw, ModernRaw } from '../support/scripted/raw-client.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startFleet } from '../support/scripted/fleet.ts';
import { ANNA, BEN, gatewayFor } from '../support/scripted/gateway.ts';
import { EVERYTHING, QUESTION_NAMES, QUESTIONS } from '../support/scripted/questions.ts';
import {
  type Json,
  LEGACY_KINDS,
  type Message,
  progressTokenOf,
  type Said,
  startScripted,
} from '../support/scripted/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const DONE = { content: [{ type: 'text', text: 'done' }] };
const FORM = QUESTIONS['a form'];
const WORK = { tools: [{ name: 'work', inputSchema: { type: 'object' } }] };
const isQuestion = (message: Message): boolean => message.method !== undefined && message.id !== undefined;

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

/** Everything that can be asked, on the stream of a request that is not answered yet. */
function askEverything(said: Said): Promise<Message[]> {
  return Promise.all([
    said.ask('ping'),
    ...QUESTION_NAMES.map((name) => said.ask(QUESTIONS[name].method, QUESTIONS[name].params)),
  ]);
}

describe.each(LEGACY_KINDS)('a %s server that wants answers before it gives any', (kind) => {
  it('has them before it answers initialize, and before its lists; then it works', async () => {
    verifies('mcp:questions');
    const server = await startScripted(kind, { offer: WORK, manual: ['initialize', 'tools/list'] });
    open.push(server);
    const gateway = gatewayFor({ odd: server });
    const early: Message[][] = [];
    const first = await server.next('initialize');
    early.push(await askEverything(first));
    first.reply({
      protocolVersion: '2025-11-25',
      capabilities: { tools: {} },
      serverInfo: { name: 'odd', version: '1' },
    });
    const list = await server.next('tools/list');
    early.push(await askEverything(list));
    list.reply(WORK);
    open.push(await gateway);
    for (const [pong, ...refused] of early) {
      expect(pong).toMatchObject({ result: {} });
      for (const one of refused) expect(one.error).toMatchObject({ code: 1448 });
    }
    const client = await LegacyRaw.open(await gateway);
    const answer = client.ask('tools/call', { name: 'work' });
    (await server.next('tools/call')).reply(DONE);
    expect((await answer).result).toMatchObject(DONE);
    expect(server.count('initialize')).toBe(1);
  });
});

/** A gateway of one server of that kind, whose calls may take so many seconds. */
async function gatewayOf(kind: (typeof LEGACY_KINDS)[number], timeout: number) {
  const fleet = await startFleet([kind], {}, { [kind]: { timeout } });
  open.push(fleet);
  return { server: fleet.of(kind), gateway: fleet.gateway };
}

const note = (method: string, params: Json): Json => ({ jsonrpc: '2.0', method, params });

/** What a server may go on to say of a call, where nothing but the token says which one it is. */
function sayOf(call: Said): void {
  call.link.say(
    note('notifications/progress', { progressToken: progressTokenOf(call.message), progress: 9 }),
  );
  call.link.say(note('notifications/message', { level: 'error', data: 'a secret of Anna’s' }));
  call.link.say(note('notifications/x-new', { data: 'a secret of Anna’s' }));
}

describe.each(['stdio', 'sse'] as const)('a shared %s server that goes on about a call that', (kind) => {
  const GIVEN_UP = {
    'was cancelled': (client: LegacyRaw) => client.tell('notifications/cancelled', { requestId: 'annas' }),
    'timed out': () => Promise.resolve(),
  } as const;

  it.each(Object.keys(GIVEN_UP) as (keyof typeof GIVEN_UP)[])('%s tells nobody else', async (how) => {
    verifies('mcp:attribution');
    const { server, gateway } = await gatewayOf(kind, how === 'timed out' ? 5 : 60);
    const anna = await LegacyRaw.open(gateway, { key: ANNA, capabilities: EVERYTHING });
    const ben = await LegacyRaw.open(gateway, { key: BEN, capabilities: EVERYTHING });
    using stream = await ben.listen();
    const meta = { _meta: { progressToken: 'p' } };
    const annas = anna.send('tools/call', { name: 'work', arguments: { by: 'anna' }, ...meta }, 'annas');
    const annasCall = await server.next('tools/call', ({ text }) => text.includes('anna'));
    await GIVEN_UP[how](anna);
    await (await annas).ended;
    const bens = ben.send('tools/call', { name: 'work', arguments: { by: 'ben' }, ...meta });
    const bensCall = await server.next('tools/call', ({ text }) => text.includes('ben'));
    sayOf(annasCall);
    expect((await annasCall.link.ask(FORM.method, FORM.params)).error).toMatchObject({ code: 1448 });
    await gateway.logged((line) => line['code'] === 'isolation-learned');
    bensCall.say(
      note('notifications/progress', { progressToken: progressTokenOf(bensCall.message), progress: 1 }),
    );
    bensCall.reply(DONE);
    using answer = await bens;
    await answer.ended;
    expect(answer.texts.join('\n')).not.toContain('Anna');
    expect(answer.messages.map(({ method, params, result }) => method ?? params ?? result)).toEqual([
      'notifications/progress',
      expect.objectContaining(DONE),
    ]);
    expect(answer.messages[0]!.params).toEqual({ progressToken: 'p', progress: 1 });
    expect(stream.messages).toEqual([]);
  });

  it('was cancelled, and is done with it, asks the next one’s client again', async () => {
    verifies('mcp:attribution');
    const { server, gateway } = await gatewayOf(kind, 60);
    const anna = await LegacyRaw.open(gateway, { key: ANNA, capabilities: EVERYTHING });
    const ben = await LegacyRaw.open(gateway, { key: BEN, capabilities: EVERYTHING });
    const annas = anna.send('tools/call', { name: 'work', arguments: { by: 'anna' } }, 'annas');
    const annasCall = await server.next('tools/call', ({ text }) => text.includes('anna'));
    await anna.tell('notifications/cancelled', { requestId: 'annas' });
    await (await annas).ended;
    annasCall.reply(DONE);
    const bens = ben.send('tools/call', { name: 'work', arguments: { by: 'ben' } });
    const bensCall = await server.next('tools/call', ({ text }) => text.includes('ben'));
    const asked = bensCall.ask(FORM.method, FORM.params);
    using answer = await bens;
    await ben.reply((await answer.message(isQuestion)).id, { result: FORM.answer });
    expect((await asked).result).toEqual(FORM.answer);
    bensCall.reply(DONE);
    expect((await answer.reply()).result).toMatchObject(DONE);
  });
});

describe('a server over streamable HTTP that goes on about a call that was cancelled', () => {
  it('on its common stream tells nobody else, and on the stream of the call nobody at all', async () => {
    verifies('mcp:attribution');
    const { server, gateway } = await gatewayOf('http', 60);
    const anna = await LegacyRaw.open(gateway, { key: ANNA, capabilities: EVERYTHING });
    const ben = await LegacyRaw.open(gateway, { key: BEN, capabilities: EVERYTHING });
    const meta = { _meta: { progressToken: 'p' } };
    const annas = anna.send('tools/call', { name: 'work', arguments: { by: 'anna' }, ...meta }, 'annas');
    const annasCall = await server.next('tools/call', ({ text }) => text.includes('anna'));
    await anna.tell('notifications/cancelled', { requestId: 'annas' });
    await (await annas).ended;
    await annasCall.closed;
    const bens = ben.send('tools/call', { name: 'work', arguments: { by: 'ben' }, ...meta });
    const bensCall = await server.next('tools/call', ({ text }) => text.includes('ben'));
    sayOf(annasCall);
    expect((await annasCall.link.ask(FORM.method, FORM.params)).error).toMatchObject({ code: 1448 });
    bensCall.reply(DONE);
    using answer = await bens;
    await answer.ended;
    expect(answer.messages).toMatchObject([{ result: DONE }]);
  });
});

describe.each(LEGACY_KINDS)('how far a client of 2025-11-25 is with a question of a %s server', (kind) => {
  const SAMPLING = QUESTIONS['a model with tools'];
  const withToken = (progressToken: unknown): Json => ({
    ...SAMPLING.params,
    _meta: { 'x-new': 1, progressToken },
  });

  async function asking(gateway: TestGateway) {
    const anna = await LegacyRaw.open(gateway, { key: ANNA, capabilities: EVERYTHING });
    const ben = await LegacyRaw.open(gateway, { key: BEN, capabilities: EVERYTHING });
    return { anna, ben };
  }

  it('is told to the server under its own token, until the answer, and to no other', async () => {
    verifies('mcp:progress');
    const fleet = await startFleet([kind]);
    open.push(fleet);
    const server = fleet.of(kind);
    const { anna, ben } = await asking(fleet.gateway);
    for (const token of [7, '7']) {
      const sent = anna.send('tools/call', { name: 'work' });
      const call = await server.next('tools/call');
      const replies = [1, 2].map(() => call.ask(SAMPLING.method, withToken(token)));
      using stream = await sent;
      const first = await stream.message(isQuestion);
      const second = await stream.message((one) => isQuestion(one) && one.id !== first.id);
      const theirs = [first, second].map(progressTokenOf) as string[];
      expect(new Set([...theirs, token]).size).toBe(3);
      expect(first.params).toEqual(withToken(theirs[0]));
      // Another's, and one that nobody gave out.
      await ben.tell('notifications/progress', { progressToken: theirs[0], progress: 5, message: 'Ben' });
      await anna.tell('notifications/progress', { progressToken: token, progress: 6, message: 'made up' });
      await anna.tell('notifications/progress', {
        progressToken: theirs[0],
        progress: 0.5,
        total: 1,
        'x-new': [token],
      });
      const heard = await server.next('notifications/progress');
      expect(heard.message.params).toEqual({
        progressToken: token,
        progress: 0.5,
        total: 1,
        'x-new': [token],
      });
      for (const { id } of [first, second]) await anna.reply(id, { result: SAMPLING.answer });
      await Promise.all(replies);
      await anna.tell('notifications/progress', { progressToken: theirs[0], progress: 1 });
      call.reply(DONE);
      expect((await stream.reply()).result).toMatchObject(DONE);
    }
    expect(server.count('notifications/progress')).toBe(2);
  });

  it('costs a client of 2026-07-28, which cannot say so, nothing', async () => {
    verifies('mcp:progress');
    const fleet = await startFleet([kind]);
    open.push(fleet);
    const client = new ModernRaw(fleet.gateway, { capabilities: EVERYTHING });
    const sent = client.ask('tools/call', { name: 'work' });
    const call = await fleet.of(kind).next('tools/call');
    const asked = call.ask(SAMPLING.method, withToken(7), 'q');
    const { result } = await sent;
    expect(result).toMatchObject({ inputRequests: { q: { method: SAMPLING.method } } });
    const { requestState } = result as { requestState: string };
    const last = client.ask('tools/call', {
      name: 'work',
      requestState,
      inputResponses: { q: SAMPLING.answer },
    });
    expect((await asked).result).toEqual(SAMPLING.answer);
    call.reply(DONE);
    expect((await last).result).toMatchObject(DONE);
  });
});
