import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { LegacyRaw, type RawAnswer } from '../support/scripted/raw-client.ts';
import { sdkV1 } from '../support/clients/sdk-clients.ts';
import { ALL_KINDS, type ScriptedFleet, startFleet } from '../support/scripted/fleet.ts';
import { ANNA, BEN } from '../support/scripted/gateway.ts';
import {
  askAll,
  EVERYTHING,
  inputRequired,
  QUESTION_NAMES,
  QUESTIONS,
} from '../support/scripted/questions.ts';
import {
  isModern,
  type Json,
  LEGACY_KINDS,
  type Message,
  type Said,
  type ScriptedKind,
} from '../support/scripted/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const DONE = { content: [{ type: 'text', text: 'done' }] };
const FORM = QUESTIONS['a form'];

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

const isQuestion = (message: Message): boolean => message.method !== undefined && message.id !== undefined;

/** Begins a call of a client's: its answer as far as it has come, and the call as the server got it. */
async function begin(
  client: LegacyRaw,
  kind: ScriptedKind,
  args: Json = {},
): Promise<{ sent: Promise<RawAnswer>; call: Said }> {
  const sent = client.send('tools/call', work(kind, args));
  return { sent, call: await fleet.of(kind).next('tools/call') };
}

describe.each(ALL_KINDS)('a client of 2025-11-25 that a %s server asks', (kind) => {
  it.each(QUESTION_NAMES)(
    'for %s gets a real request on its stream, and the server its answer',
    async (name) => {
      verifies('mcp:questions');
      const { method, params, answer } = QUESTIONS[name];
      const client = await LegacyRaw.open(fleet.gateway, { capabilities: EVERYTHING });
      const { sent, call } = await begin(client, kind, { a: 1 });
      const asking = askAll(kind, fleet.of(kind), call, [{ method, params }], 'its state');
      using stream = await sent;
      const question = await stream.message(isQuestion);
      expect(question).toMatchObject({ method, params });
      await client.reply(question.id, { result: answer });
      const { replies, call: last } = await asking;
      expect(replies[0]!.result).toEqual(answer);
      if (isModern(kind))
        expect(last.message.params).toMatchObject({ requestState: 'its state', arguments: { a: 1 } });
      last.reply(DONE);
      expect((await stream.reply()).result).toMatchObject(DONE);
    },
  );

  it('can decline, and answer with an error', async () => {
    verifies('mcp:questions');
    const client = await LegacyRaw.open(fleet.gateway, { capabilities: EVERYTHING });
    for (const outcome of [
      { result: { action: 'decline' } },
      { result: { action: 'cancel' } },
      { error: { code: -1, message: 'User rejected', data: { why: 'no' } } },
    ]) {
      const { sent, call } = await begin(client, kind);
      if (isModern(kind) && 'error' in outcome) {
        // A stateless server has no way to be told of an error: the call ends here.
        call.reply(inputRequired([FORM]));
        using stream = await sent;
        await client.reply((await stream.message(isQuestion)).id, outcome);
        const { result } = await stream.reply();
        expect(result).toMatchObject({ isError: true, _meta: { 'lanport/error': 'question-unanswerable' } });
        expect(JSON.stringify(result)).toContain('User rejected');
        continue;
      }
      const asking = askAll(kind, fleet.of(kind), call, [FORM]);
      using stream = await sent;
      await client.reply((await stream.message(isQuestion)).id, outcome);
      const { replies, call: last } = await asking;
      expect(replies[0]).toMatchObject(outcome);
      last.reply(DONE);
      expect((await stream.reply()).result).toMatchObject(DONE);
    }
  });

  it('is not asked for what it did not declare', async () => {
    verifies('mcp:questions');
    for (const [capabilities, { method, params }, code] of [
      [{}, FORM, -32601],
      [{ elicitation: { form: {} } }, QUESTIONS['a web page'], -32602],
      [{ elicitation: { url: {} } }, FORM, -32602],
      [{ sampling: {} }, QUESTIONS['a model with tools'], -32602],
      [{ elicitation: {} }, QUESTIONS['the roots'], -32601],
    ] as const) {
      const client = await LegacyRaw.open(fleet.gateway, { capabilities });
      const { sent, call } = await begin(client, kind);
      if (isModern(kind)) call.reply(inputRequired([{ method, params }]));
      else {
        const { replies } = await askAll(kind, fleet.of(kind), call, [{ method, params }]);
        expect(replies[0]!.error).toMatchObject({
          code,
          data: { requiredCapabilities: expect.anything() },
        });
        call.reply(DONE);
      }
      using stream = await sent;
      const { result } = await stream.reply();
      expect(result).toMatchObject(
        isModern(kind) ? { isError: true, _meta: { 'lanport/error': 'question-unanswerable' } } : DONE,
      );
      expect(stream.messages.filter(isQuestion)).toEqual([]);
    }
  });

  it('can be asked several things at once, and again after they were answered', async () => {
    verifies('mcp:questions');
    const client = await LegacyRaw.open(fleet.gateway, { capabilities: EVERYTHING });
    const { sent, call } = await begin(client, kind);
    const roots = QUESTIONS['the roots'];
    const asking = askAll(kind, fleet.of(kind), call, [FORM, roots], 'round 1');
    using stream = await sent;
    const second = await stream.message((one) => isQuestion(one) && one.method === roots.method);
    const first = await stream.message((one) => isQuestion(one) && one.method === FORM.method);
    // Answered the other way round.
    await client.reply(second.id, { result: roots.answer });
    await client.reply(first.id, { result: FORM.answer });
    const { replies, call: next } = await asking;
    expect(replies.map((one) => one.result)).toEqual([FORM.answer, roots.answer]);
    const again = askAll(kind, fleet.of(kind), next, [QUESTIONS['a web page']]);
    const third = await stream.message((one) => one.params?.['mode'] === 'url');
    await client.reply(third.id, { result: { action: 'accept' } });
    const { call: last } = await again;
    if (isModern(kind)) expect(last.message.params).not.toHaveProperty('requestState');
    last.reply(DONE);
    expect((await stream.reply()).result).toMatchObject(DONE);
  });

  it('is the one of the call, whoever else is answering', async () => {
    verifies('mcp:questions');
    const anna = await LegacyRaw.open(fleet.gateway, { key: ANNA, capabilities: EVERYTHING });
    const ben = await LegacyRaw.open(fleet.gateway, { key: BEN, capabilities: EVERYTHING });
    const { sent, call } = await begin(anna, kind);
    const asking = askAll(kind, fleet.of(kind), call, [FORM]);
    using stream = await sent;
    const { id } = await stream.message(isQuestion);
    await ben.reply(id, { result: { action: 'accept', content: { name: 'Ben' } } });
    await anna.reply(id, { result: FORM.answer });
    const { replies, call: last } = await asking;
    expect(replies[0]!.result).toEqual(FORM.answer);
    last.reply(DONE);
    expect((await stream.reply()).result).toMatchObject(DONE);
  });

  it('through its SDK answers with its handler', async () => {
    verifies('mcp:questions');
    await using client = await sdkV1(fleet.gateway, { capabilities: { elicitation: {} } }, (one) =>
      one.setRequestHandler(ElicitRequestSchema, ({ params }) => ({
        action: 'accept',
        content: { name: `answer to ${params.message}` },
      })),
    );
    const called = client.callTool({ name: fleet.named(kind, 'work') });
    const call = await fleet.of(kind).next('tools/call');
    const { replies, call: last } = await askAll(kind, fleet.of(kind), call, [FORM]);
    expect(replies[0]!.result).toMatchObject({ action: 'accept', content: { name: 'answer to Wer?' } });
    last.reply(DONE);
    expect(await called).toMatchObject(DONE);
  });
});

describe.each(LEGACY_KINDS)('a %s server', (kind) => {
  it('that withdraws its question has it withdrawn at the client of 2025-11-25', async () => {
    verifies('mcp:cancellation');
    const client = await LegacyRaw.open(fleet.gateway, { capabilities: EVERYTHING });
    const { sent, call } = await begin(client, kind);
    void call.ask(FORM.method, FORM.params, 'q');
    using stream = await sent;
    const { id } = await stream.message(isQuestion);
    call.say({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'q', reason: 'never mind' },
    });
    const cancelled = await stream.message((one) => one.method === 'notifications/cancelled');
    expect(cancelled.params?.['requestId']).toBe(id);
    call.reply(DONE);
    expect((await stream.reply()).result).toMatchObject(DONE);
  });

  it('has its question withdrawn at the client when the client gives the call up', async () => {
    verifies('mcp:cancellation');
    const client = await LegacyRaw.open(fleet.gateway, { capabilities: EVERYTHING });
    const sent = client.send('tools/call', work(kind), 'mine');
    const call = await fleet.of(kind).next('tools/call');
    const asked = call.ask(FORM.method, FORM.params);
    using stream = await sent;
    await stream.message(isQuestion);
    await client.tell('notifications/cancelled', { requestId: 'mine' });
    expect((await asked).error).toMatchObject({ code: 1448 });
    // The late reply says that the server is done with it, so that what it asks next is somebody else's.
    call.reply(DONE);
    await stream.ended;
    expect(stream.messages.filter((one) => one.method === undefined)).toEqual([]);
  });

  it('that asks while no call is under way is told so', async () => {
    verifies('mcp:questions');
    const [link] = fleet.of(kind).links;
    expect((await link!.ask(FORM.method, FORM.params)).error).toMatchObject({ code: 1448 });
    // An empty list would be taken for the roots of every client.
    expect((await link!.ask('roots/list')).error).toMatchObject({ code: 1448 });
    expect((await link!.ask('no/such', {})).error).toMatchObject({ code: -32601 });
  });

  it('tells the client that the user is done with a web page', async () => {
    verifies('mcp:questions');
    const page = QUESTIONS['a web page'];
    const client = await LegacyRaw.open(fleet.gateway, { capabilities: EVERYTHING });
    const { sent, call } = await begin(client, kind);
    const asked = call.ask(page.method, page.params);
    using stream = await sent;
    await client.reply((await stream.message(isQuestion)).id, { result: page.answer });
    await asked;
    const params = { elicitationId: 'visit-1' };
    call.say({ jsonrpc: '2.0', method: 'notifications/elicitation/complete', params });
    expect(
      (await stream.message((one) => one.method === 'notifications/elicitation/complete')).params,
    ).toEqual(params);
    call.reply(DONE);
    expect((await stream.reply()).result).toMatchObject(DONE);
  });
});
