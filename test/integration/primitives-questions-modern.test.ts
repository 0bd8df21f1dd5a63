import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModernRaw } from '../support/scripted/raw-client.ts';
import { sdkV2 } from '../support/clients/sdk-clients.ts';
import { ALL_KINDS, type ScriptedFleet, startFleet } from '../support/scripted/fleet.ts';
import { askAll, EVERYTHING, QUESTION_NAMES, QUESTIONS } from '../support/scripted/questions.ts';
import {
  isModern,
  type Json,
  LEGACY_KINDS,
  type Message,
  progressTokenOf,
  type Said,
  type ScriptedKind,
} from '../support/scripted/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const DONE = { content: [{ type: 'text', text: 'done' }] };
const FORM = QUESTIONS['a form'];
const ROOTS = QUESTIONS['the roots'];
const SAMPLING = QUESTIONS['a model with tools'];

let fleet: ScriptedFleet;

beforeAll(async () => {
  fleet = await startFleet();
});

afterAll(async () => {
  await fleet?.[Symbol.asyncDispose]();
});

const work = (kind: ScriptedKind, more: Json = {}): Json => ({
  name: fleet.named(kind, 'work'),
  arguments: { a: 1 },
  ...more,
});

const client = (capabilities: Json = EVERYTHING): ModernRaw => new ModernRaw(fleet.gateway, { capabilities });

interface Asked {
  /** The client's name of each question, in order. */
  readonly keys: readonly string[];
  readonly requests: Readonly<Record<string, { readonly method: string; readonly params?: Json }>>;
  readonly requestState: string | undefined;
}

/** What a reply asks. */
function questionsIn({ result }: Message): Asked {
  expect(result?.['resultType']).toBe('input_required');
  const requests = result!['inputRequests'] as Asked['requests'];
  return {
    keys: Object.keys(requests),
    requests,
    requestState: result!['requestState'] as string | undefined,
  };
}

/** The same call again with answers to what was asked. */
function retry(kind: ScriptedKind, { keys, requestState }: Asked, answers: readonly unknown[]): Json {
  const inputResponses = Object.fromEntries(answers.map((answer, at) => [keys[at], answer]));
  return work(kind, { inputResponses, ...(requestState === undefined ? {} : { requestState }) });
}

/**
 * What is open of the requests that a server with a connection has put so far: questions that come one after the other need not be asked
 * together, so a retry without answers is asked for them.
 */
async function allThatIsOpen(
  from: ModernRaw,
  kind: ScriptedKind,
  call: Said,
  first: Message,
): Promise<Asked> {
  // What the server said before has arrived by then.
  await call.ask('ping');
  return questionsIn(await from.ask('tools/call', retry(kind, questionsIn(first), [])));
}

/** Begins a call: its reply to come, and the call as the server got it. */
async function begin(from: ModernRaw, kind: ScriptedKind): Promise<{ reply: Promise<Message>; call: Said }> {
  const reply = from.ask('tools/call', work(kind));
  return { reply, call: await fleet.of(kind).next('tools/call') };
}

describe.each(ALL_KINDS)('a client of 2026-07-28 that a %s server asks', (kind) => {
  it.each(QUESTION_NAMES)('for %s gets it as input_required, and the server its answer', async (name) => {
    verifies('mcp:questions');
    const { method, params, answer } = QUESTIONS[name];
    const from = client();
    const { reply, call } = await begin(from, kind);
    const asking = askAll(kind, fleet.of(kind), call, [{ method, params }], 'its state');
    const asked = questionsIn(await reply);
    expect(Object.values(asked.requests)).toEqual([{ method, params }]);
    // What the server keeps with the client is nobody's to read.
    expect(asked.requestState).not.toContain('its state');
    const last = from.ask('tools/call', retry(kind, asked, [answer]));
    const { replies, call: now } = await asking;
    expect(replies[0]!.result).toEqual(answer);
    if (isModern(kind))
      expect(now.message.params).toMatchObject({ requestState: 'its state', arguments: { a: 1 } });
    now.reply(DONE);
    expect((await last).result).toMatchObject({ resultType: 'complete', ...DONE });
    if (!isModern(kind)) expect(fleet.of(kind).count('initialize')).toBe(1);
  });

  it('several things at once can answer them all', async () => {
    verifies('mcp:questions');
    const from = client();
    const { reply, call } = await begin(from, kind);
    const asking = askAll(kind, fleet.of(kind), call, [FORM, ROOTS, SAMPLING]);
    const asked = isModern(kind)
      ? questionsIn(await reply)
      : await allThatIsOpen(from, kind, call, await reply);
    expect(Object.values(asked.requests).map((one) => one.method)).toEqual([
      FORM.method,
      ROOTS.method,
      SAMPLING.method,
    ]);
    const last = from.ask('tools/call', retry(kind, asked, [FORM.answer, ROOTS.answer, SAMPLING.answer]));
    const { replies, call: now } = await asking;
    expect(replies.map((one) => one.result)).toEqual([FORM.answer, ROOTS.answer, SAMPLING.answer]);
    now.reply(DONE);
    expect((await last).result).toMatchObject(DONE);
  });

  it('round after round gets the progress of each round on the request of that round', async () => {
    verifies('mcp:questions', 'mcp:progress');
    const from = client();
    let sent = from.send('tools/call', work(kind), { progressToken: 'round 0' });
    let call = await fleet.of(kind).next('tools/call');
    // A request that the server has once keeps the token that it came with; each retry of a stateless call has one of its own.
    let token = progressTokenOf(call.message);
    for (const round of [0, 1, 2]) {
      call.say({
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: token, progress: round },
      });
      const asking = askAll(kind, fleet.of(kind), call, [FORM], `state ${round}`);
      using answer = await sent;
      const asked = questionsIn(await answer.reply());
      const [progress] = answer.messages;
      expect(progress!.params).toEqual({ progressToken: `round ${round}`, progress: round });
      sent = from.send('tools/call', retry(kind, asked, [FORM.answer]), {
        progressToken: `round ${round + 1}`,
      });
      const { replies, call: next } = await asking;
      expect(replies[0]!.result).toEqual(FORM.answer);
      if (next !== call) token = progressTokenOf(next.message);
      call = next;
    }
    call.say({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: token, progress: 3 },
    });
    call.reply(DONE);
    using answer = await sent;
    await answer.ended;
    expect(answer.messages[0]!.params).toEqual({ progressToken: 'round 3', progress: 3 });
    expect(answer.messages[1]!.result).toMatchObject(DONE);
  });

  it('can decline', async () => {
    verifies('mcp:questions');
    const from = client();
    const { reply, call } = await begin(from, kind);
    const asking = askAll(kind, fleet.of(kind), call, [FORM]);
    const last = from.ask('tools/call', retry(kind, questionsIn(await reply), [{ action: 'decline' }]));
    const { replies, call: now } = await asking;
    expect(replies[0]!.result).toEqual({ action: 'decline' });
    now.reply(DONE);
    expect((await last).result).toMatchObject(DONE);
  });

  it('through its SDK answers with its handler, and sees nothing but the result', async () => {
    verifies('mcp:questions');
    await using sdk = await sdkV2(fleet.gateway, { capabilities: { elicitation: { form: {} } } }, (one) =>
      one.setRequestHandler('elicitation/create', ({ params }) => ({
        action: 'accept',
        content: { name: `answer to ${params.message}` },
      })),
    );
    const called = sdk.callTool({ name: fleet.named(kind, 'work') });
    const call = await fleet.of(kind).next('tools/call');
    const { replies, call: now } = await askAll(kind, fleet.of(kind), call, [FORM]);
    expect(replies[0]!.result).toMatchObject({ content: { name: 'answer to Wer?' } });
    now.reply(DONE);
    expect(await called).toMatchObject(DONE);
  });
});

describe.each(LEGACY_KINDS)('a client of 2026-07-28 that a %s server asks', (kind) => {
  it('for what it did not declare is told what to declare, when the call fails without', async () => {
    verifies('mcp:questions');
    const from = client({ elicitation: { url: {} } });
    const sent = from.send('tools/call', work(kind));
    const call = await fleet.of(kind).next('tools/call');
    expect((await call.ask(FORM.method, FORM.params)).error).toMatchObject({ code: -32602 });
    call.reply({ isError: true, content: [] });
    using answer = await sent;
    expect(answer.status).toBe(400);
    expect((await answer.reply()).error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { elicitation: {} } },
    });
  });

  it('for what it did not declare gets the result, when the server does without', async () => {
    const from = client({});
    const { reply, call } = await begin(from, kind);
    expect((await call.ask(SAMPLING.method, SAMPLING.params)).error).toMatchObject({ code: -32601 });
    call.reply(DONE);
    expect((await reply).result).toMatchObject(DONE);
  });

  it('and that answers only some of it is asked for the rest again', async () => {
    verifies('mcp:questions');
    const from = client();
    const { reply, call } = await begin(from, kind);
    const asking = Promise.all([call.ask(FORM.method, FORM.params), call.ask(ROOTS.method, ROOTS.params)]);
    const asked = await allThatIsOpen(from, kind, call, await reply);
    expect(asked.keys).toHaveLength(2);
    const again = questionsIn(await from.ask('tools/call', retry(kind, asked, [FORM.answer])));
    expect(again.keys).toEqual([asked.keys[1]]);
    const last = from.ask('tools/call', retry(kind, again, [ROOTS.answer]));
    expect((await asking).map((one) => one.result)).toEqual([FORM.answer, ROOTS.answer]);
    call.reply(DONE);
    expect((await last).result).toMatchObject(DONE);
  });

  it('finds the answer waiting when the server withdrew its question meanwhile', async () => {
    verifies('mcp:cancellation');
    const from = client();
    const { reply, call } = await begin(from, kind);
    void call.ask(FORM.method, FORM.params, 'q');
    const asked = questionsIn(await reply);
    call.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'q' } });
    call.reply(DONE);
    const { result } = await from.ask('tools/call', retry(kind, asked, [FORM.answer]));
    expect(result).toMatchObject(DONE);
  });

  it('and that closes the retry gives the call up', async () => {
    verifies('mcp:cancellation');
    const from = client();
    const { reply, call } = await begin(from, kind);
    const asking = call.ask(FORM.method, FORM.params);
    const asked = questionsIn(await reply);
    const sent = from.send('tools/call', retry(kind, asked, [FORM.answer]), {
      'io.modelcontextprotocol/logLevel': 'info',
    });
    await asking;
    call.say({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'on it' } });
    const answer = await sent;
    await answer.message((one) => one.method === 'notifications/message');
    answer.close();
    const { message } = await fleet.of(kind).next('notifications/cancelled');
    expect(message.params?.['requestId']).toBe(call.message.id);
  });
});
