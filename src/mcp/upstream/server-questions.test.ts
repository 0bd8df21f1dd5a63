import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connected, type TestConnection } from '../../../test/support/engine/connected.ts';
import { ALL_CAPABILITIES, FakeCaller } from '../../../test/support/engine/fake-caller.ts';
import { type FakeRequest, messageOf } from '../../../test/support/engine/fake-upstream.ts';
import { OPTIONS, target } from '../../../test/support/engine/supervised.ts';
import { verifies } from '../../../test/support/verifies.ts';
import type { RpcReply } from '../wire/message.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const FORM = { mode: 'form', message: 'Your name?', requestedSchema: { type: 'object', properties: {} } };
const ask = (id: unknown, method = 'elicitation/create', params: unknown = FORM) => ({ id, method, params });
const YES = { action: 'accept', content: {} };

async function begin(one: TestConnection, caller: FakeCaller): Promise<FakeRequest> {
  const outcome = one.connection.call(target(), undefined, caller, OPTIONS);
  outcome.catch(() => undefined);
  return one.upstream.next('tools/call');
}

const able = (principalId: string) => new FakeCaller(principalId, ALL_CAPABILITIES);
/** What the server was answered, by the id of its question. */
const answers = ({ transport }: TestConnection) =>
  transport.told.filter((message) => 'id' in message && !('method' in message));

describe('a question of a server', () => {
  it('on the stream of a call goes to that call’s client, whoever else calls, and the answer comes back', async () => {
    verifies('mcp:attribution');
    const one = connected({ kind: 'http' });
    const [a, b] = [able('a'), able('b')];
    const asked = await begin(one, a);
    await begin(one, b);
    asked.related(ask(7));
    expect(a.questions.map(({ question }) => question)).toMatchObject([
      { key: 'question-7', method: 'elicitation/create' },
    ]);
    expect(JSON.parse(a.questions[0]!.question.params!.toString())).toEqual(FORM);
    expect(b.questions).toEqual([]);
    a.questions[0]!.answer(YES);
    await pass(0);
    expect(answers(one)).toEqual([{ jsonrpc: '2.0', id: 7, result: YES }]);
    expect(one.heard.ambiguous).toBe(0);
  });

  it('goes to the only call under way', async () => {
    const one = connected();
    const a = able('a');
    await begin(one, a);
    one.transport.say(ask('q-1'));
    a.questions[0]!.answer(YES);
    await pass(0);
    expect(answers(one)).toEqual([{ jsonrpc: '2.0', id: 'q-1', result: YES }]);
  });

  it('goes to the only client whose calls are under way: over the latest of them that is not asking yet', async () => {
    const one = connected();
    const [first, second, third] = [able('a'), able('a'), able('a')];
    second.conversation = third.conversation = first.conversation;
    for (const caller of [first, second, third]) await begin(one, caller);
    one.transport.say(ask(1));
    one.transport.say(ask(2));
    expect([first, second, third].map(({ questions }) => questions.length)).toEqual([0, 1, 1]);
    expect(one.heard.ambiguous).toBe(0);
  });

  it('that could be for several principals is put to none of them, until one is left', async () => {
    verifies('mcp:attribution');
    const one = connected();
    const [a, b, c] = [able('a'), able('b'), able('c')];
    const [askedA, , askedC] = [await begin(one, a), await begin(one, b), await begin(one, c)];
    one.transport.say(ask(1));
    expect(one.heard.ambiguous).toBe(1);
    askedA.result({});
    await pass(0);
    expect([a, b, c].flatMap(({ questions }) => questions)).toEqual([]);
    askedC.result({});
    await pass(0);
    expect(b.questions).toHaveLength(1);
    b.questions[0]!.answer(YES);
    await pass(0);
    expect(answers(one)).toEqual([{ jsonrpc: '2.0', id: 1, result: YES }]);
  });

  it('that stays unclear is refused after five seconds', async () => {
    verifies('mcp:attribution');
    const one = connected();
    const [a, b] = [able('a'), able('b')];
    const asked = await begin(one, a);
    await begin(one, b);
    one.transport.say(ask(1));
    await pass(4_999);
    expect(answers(one)).toEqual([]);
    await pass(1);
    expect(answers(one)).toMatchObject([{ id: 1, error: { data: { lanport: 'question-unanswerable' } } }]);
    asked.result({});
    await pass(0);
    expect(b.questions, 'it was refused already').toEqual([]);
    expect(answers(one)).toHaveLength(1);
  });

  it('is held a hundred times at the most', async () => {
    const one = connected();
    await begin(one, able('a'));
    await begin(one, able('b'));
    for (let id = 0; id < 103; id++) one.transport.say(ask(id));
    expect(answers(one).map(({ id }) => id)).toEqual([100, 101, 102]);
  });

  it('while nobody calls is refused', async () => {
    const one = connected();
    one.transport.say(ask(1));
    one.transport.say(ask(2, 'roots/list', undefined));
    expect(answers(one)).toMatchObject([
      { id: 1, error: { data: { lanport: 'question-unanswerable' } } },
      { id: 2, error: { data: { lanport: 'question-unanswerable' } } },
    ]);
  });

  it('is refused at once when it may belong to a call of another client’s that was given up', async () => {
    verifies('mcp:attribution');
    const one = connected();
    const [a, b] = [able('a'), able('b')];
    await begin(one, a);
    a.cancellation.cancel('no longer wanted');
    await pass(0);
    one.transport.say(ask(1));
    expect(one.heard.ambiguous, 'with nobody calling there is nobody to take it for').toBe(0);
    await begin(one, b);
    one.transport.say(ask(2));
    expect(answers(one).map(({ id }) => id)).toEqual([1, 2]);
    expect([...a.questions, ...b.questions]).toEqual([]);
    expect(one.heard.ambiguous).toBe(1);
  });

  it('that is held is put to nobody whose call began later, and to nobody once a call that it may belong to was given up', async () => {
    verifies('mcp:attribution');
    const one = connected();
    const [askedA, askedB] = [await begin(one, able('a')), await begin(one, able('b'))];
    one.transport.say(ask(1));
    const c = able('c');
    const askedC = await begin(one, c);
    askedA.result({});
    askedB.result({});
    await pass(0);
    expect(c.questions).toEqual([]);

    const [d, e] = [able('d'), able('e')];
    await begin(one, d);
    const askedE = await begin(one, e);
    one.transport.say(ask(2));
    d.cancellation.cancel('no longer wanted');
    await pass(0);
    askedC.result({});
    await pass(0);
    expect(answers(one).at(-1)).toMatchObject({
      id: 2,
      error: { data: { lanport: 'question-unanswerable' } },
    });
    askedE.result({});
    await pass(0);
    expect([...c.questions, ...d.questions, ...e.questions]).toEqual([]);
  });

  it('that is asked twice is asked once; two calls may ask under the same id, each on its own stream', async () => {
    const one = connected();
    const a = able('a');
    await begin(one, a);
    one.transport.say(ask(1));
    one.transport.say(ask(1));
    expect(a.questions).toHaveLength(1);

    const two = connected({ kind: 'http' });
    const [b, c] = [able('b'), able('c')];
    (await begin(two, b)).related(ask(1));
    (await begin(two, c)).related(ask(1));
    expect([b, c].map(({ questions }) => questions.length)).toEqual([1, 1]);
  });

  it('of a kind that nobody knows is refused as such', async () => {
    const one = connected();
    await begin(one, able('a'));
    one.transport.say(ask(1, 'x/y'));
    expect(answers(one)).toMatchObject([{ id: 1, error: { code: -32601 } }]);
  });

  it.each([
    ['elicitation/create', FORM, { elicitation: {} }],
    ['elicitation/create', { ...FORM, mode: 'url' }, { elicitation: { url: {} } }],
    ['sampling/createMessage', { messages: [] }, { sampling: {} }],
    ['roots/list', undefined, { roots: {} }],
  ])(
    '%s %j is refused for a client that cannot do it, and says what it lacks',
    async (method, params, lack) => {
      const one = connected();
      const caller = new FakeCaller('a');
      await begin(one, caller);
      one.transport.say(ask(1, method, params));
      expect(caller.questions).toEqual([]);
      expect(answers(one)).toMatchObject([
        { id: 1, error: { code: -32601, data: { requiredCapabilities: lack } } },
      ]);
    },
  );

  it.each([
    ['elicitation/create', { ...FORM, mode: 'url' }, { elicitation: {} }],
    ['elicitation/create', FORM, { elicitation: { url: {} } }],
    ['sampling/createMessage', { messages: [], tools: [] }, { sampling: {} }],
  ])(
    '%s %j is refused as invalid for a client that can do it in another way alone',
    async (method, params, can) => {
      const one = connected();
      await begin(one, new FakeCaller('a', can));
      one.transport.say(ask(1, method, params));
      expect(answers(one)).toMatchObject([{ id: 1, error: { code: -32602 } }]);
    },
  );

  it('that the client answers with an error is answered with that error', async () => {
    const one = connected();
    const caller = able('a');
    const error = { code: -1, message: 'no', data: { deep: [1] } };
    caller.ask = async () => messageOf({ id: 0, error }) as RpcReply;
    await begin(one, caller);
    one.transport.say(ask(1));
    await pass(0);
    expect(answers(one)).toEqual([{ jsonrpc: '2.0', id: 1, error }]);
  });
});

describe('a question that is open', () => {
  it('and that the server withdraws is withdrawn from the client, also one that is held', async () => {
    const one = connected();
    const a = able('a');
    await begin(one, a);
    one.transport.say(ask('1'));
    one.transport.say(ask(1));
    one.transport.say({ method: 'notifications/cancelled', params: { requestId: 1 } });
    const [text, number] = a.questions;
    expect(number!.question.cancellation.reason).toBe('the server withdrew the question');
    expect(text!.question.cancellation.isCancelled, '"1" is not 1').toBe(false);

    const two = connected();
    const asked = await begin(two, able('a'));
    const b = able('b');
    await begin(two, b);
    two.transport.say(ask(1));
    two.transport.say({ method: 'notifications/cancelled', params: { requestId: 1 } });
    asked.result({});
    await pass(20_000);
    expect(b.questions).toEqual([]);
    expect(answers(two)).toEqual([]);
  });

  it('ends with its call, and with its connection', async () => {
    for (const end of ['call', 'connection']) {
      const one = connected();
      const a = able('a');
      await begin(one, a);
      one.transport.say(ask(1));
      if (end === 'call') a.cancellation.cancel('no longer wanted');
      else await one.connection[Symbol.asyncDispose]();
      await pass(0);
      expect(a.questions[0]!.question.cancellation.isCancelled, end).toBe(true);
    }
  });

  it('stops the deadlines of its call', async () => {
    const one = connected();
    const a = able('a');
    const asked = await begin(one, a);
    one.transport.say(ask(1));
    one.clock.now = OPTIONS.idleMs * 5;
    one.connection.check(one.clock.now);
    expect(asked.cancelled).toBeUndefined();
    a.questions[0]!.answer(YES);
    await pass(0);
    one.clock.now += OPTIONS.idleMs;
    one.connection.check(one.clock.now);
    expect(asked.cancelled).toBeDefined();
  });
});

describe('the end of a visit to a web page', () => {
  it('is told on the stream of the call while that is under way', async () => {
    const one = connected();
    const a = able('a');
    await begin(one, a);
    one.transport.say(ask(1, 'elicitation/create', { mode: 'url', url: 'https://x', elicitationId: 'e1' }));
    const done = { method: 'notifications/elicitation/complete', params: { elicitationId: 'e1' } };
    one.transport.say(done);
    expect([a.told, a.heardLate]).toEqual([[{ jsonrpc: '2.0', ...done }], []]);
  });

  it('is told once to who was sent there, even when the call is over', async () => {
    verifies('mcp:attribution');
    const one = connected();
    const [a, b] = [able('a'), able('b')];
    const asked = await begin(one, a);
    one.transport.say(ask(1, 'elicitation/create', { mode: 'url', url: 'https://x', elicitationId: 'e1' }));
    a.questions[0]!.answer({ action: 'accept' });
    await pass(0);
    asked.result({});
    await pass(0);
    await begin(one, b);
    const done = { method: 'notifications/elicitation/complete', params: { elicitationId: 'e1' } };
    one.transport.say(done);
    one.transport.say(done);
    one.transport.say({ ...done, params: { elicitationId: 'e2' } });
    expect(a.heardLate).toEqual([{ jsonrpc: '2.0', ...done }]);
    expect([...a.told, ...b.told, ...b.heardLate]).toEqual([]);
  });
});

describe('a question that nothing ties to a call', () => {
  it('stays open when the call that was guessed ends, as long as its client has another one under way', async () => {
    const one = connected();
    const [first, second] = [able('a'), able('a')];
    second.conversation = first.conversation;
    const askedFirst = await begin(one, first);
    const askedSecond = await begin(one, second);
    one.transport.say(ask(1));
    expect(second.questions).toHaveLength(1);
    askedSecond.result({});
    await pass(0);
    second.questions[0]!.answer(YES);
    await pass(0);
    expect(answers(one)).toEqual([{ jsonrpc: '2.0', id: 1, result: YES }]);
    askedFirst.result({});
    await pass(0);
  });
});
