import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { rpc } from '../support/http.ts';
import {
  messageIn,
  modern,
  openModern,
  openSession,
  request,
  textOf,
  toolCall,
} from '../support/rules/raw-client.ts';
import { openRpc } from '../support/rules/rpc-stream.ts';
import {
  plainTool,
  type Received,
  type ScriptedServer,
  startScripted,
  textResult,
} from '../support/rules/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const DEFINITION =
  '{"name":"odd","title":"Odd","icons":[{"src":"https://elsewhere.example/i.png"}],"execution":{"taskSupport":"optional"},"inputSchema":{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"n":{"maximum":12345678901234567890}},"type":"object"},"outputSchema":{"type":["array","null"]},"annotations":{"future":[1e400]},"_meta":{"example.com/x":-0.10},"unheardOf":{"a":null}}';

let gateway: TestGateway;
let legacy: ScriptedServer;
let other: ScriptedServer;
let stateless: ScriptedServer;
let url: string;

/** The arguments of a call decide what is answered; what wants to be answered by the test waits for it. */
const HELD = new Set(['hold']);

beforeAll(async () => {
  legacy = await startScripted({
    tools: [
      plainTool('echo'),
      plainTool('hold'),
      JSON.parse('{"name":"odd","inputSchema":{}}') as { name: string },
    ],
    answers: {
      'tools/list': () =>
        `{"tools":[{"name":"echo","inputSchema":{"type":"object"}},{"name":"hold","inputSchema":{"type":"object"}},${DEFINITION}]}`,
      'tools/call': ({ params }) => {
        if (HELD.has(String(params['name']))) return undefined;
        if (params['name'] === 'odd')
          return `{"content":[],"structuredContent":${(params['arguments'] as { json: string }).json}}`;
        return textResult(JSON.stringify(params['arguments']));
      },
    },
  });
  other = await startScripted({
    tools: [plainTool('hold')],
    answers: { 'tools/call': () => undefined },
  });
  stateless = await startScripted({
    era: 'modern',
    tools: [plainTool('ask')],
    capabilities: { tools: { listChanged: true } },
    answers: {
      'tools/call': ({ params }) =>
        params['requestState'] === undefined
          ? {
              resultType: 'input_required',
              requestState: STATE,
              inputRequests: {
                'k/1': {
                  method: 'elicitation/create',
                  params: {
                    mode: 'form',
                    message: 'Name?',
                    requestedSchema: { type: 'object', properties: {} },
                  },
                },
              },
            }
          : {
              resultType: 'complete',
              content: [],
              structuredContent: { got: params['requestState'], answers: params['inputResponses'] },
            },
    },
  });
  gateway = await startGateway({
    config: configWith(
      {
        one: { transport: 'http', url: legacy.url },
        two: { transport: 'http', url: other.url },
        new: { transport: 'http', url: stateless.url },
      },
      { limits: { first_list_wait_ms: '30s' } },
    ),
  });
  url = `${gateway.url}/mcp`;
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  for (const server of [legacy, other, stateless]) await server?.[Symbol.asyncDispose]();
});

const STATE = 'a"b\\c\u0000\u00fc{"x":1}=?';

describe('ids', () => {
  it('that are equal and in flight at the same time get their own answers, in one session too', async () => {
    verifies('rule:07-ids-both-directions');
    const session = await openSession(url);
    const [a, b] = [await openSession(url), await openSession(url)];
    const sent = [
      session.send(toolCall('one-hold', { n: 0 }, 1)),
      session.send(toolCall('one-hold', { n: 1 }, 1)),
      a.send(toolCall('one-hold', { n: 2 }, 1)),
      b.send(toolCall('one-hold', { n: 3 }, 1)),
    ];
    const calls: Received[] = [];
    for (let at = 0; at < sent.length; at++) calls.push(await legacy.next('tools/call', isHold));
    expect(new Set(calls.map((call) => call.id)).size).toBe(4);
    for (const call of calls.reverse()) call.reply(textResult(JSON.stringify(call.params['arguments'])));
    for (const [at, answer] of (await Promise.all(sent)).entries()) {
      expect(answer.json()).toMatchObject({ id: 1 });
      expect(textOf(answer)).toBe(JSON.stringify({ n: at }));
    }
  });

  it.each(['1', '"1"', '0', '""', '-7', '"ü"', '9007199254740993123'])(
    'come back as they are: %s',
    async (id) => {
      verifies('rule:07-ids-both-directions');
      const answer = await rpc(
        url,
        MASTER_KEY,
        `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"one-echo","arguments":{}}}`,
      );
      expect(answer.text.startsWith(`{"jsonrpc":"2.0","id":${id},"result":`)).toBe(true);
    },
  );

  it('of questions that two servers ask at once under one id lead each answer to its server', async () => {
    verifies('rule:07-ids-both-directions');
    const session = await openSession(url, { capabilities: { elicitation: {} } });
    using first = await asking(session.open(toolCall('one-hold', {}, 1)), legacy, 0);
    using second = await asking(session.open(toolCall('two-hold', {}, 2)), other, 0);
    const ids = await Promise.all(
      [first, second].map(
        async ({ stream }) => JSON.parse((await stream.saw('elicitation/create')).data).id as unknown,
      ),
    );
    expect(ids[0]).not.toEqual(ids[1]);
    for (const [at, id] of [...ids.entries()].reverse())
      await session.send({ jsonrpc: '2.0', id, result: { action: 'accept', content: { to: at } } });
    const answers = await Promise.all([legacy.next('response'), other.next('response')]);
    for (const [at, answer] of answers.entries())
      expect(answer.message).toEqual({
        jsonrpc: '2.0',
        id: 0,
        result: { action: 'accept', content: { to: at } },
      });
    for (const one of [first, second]) one.write(one.call.result(textResult('done')));
    for (const one of [first, second]) await one.stream.saw('done');
  });
});

const isHold = (one: Received): boolean => one.params['name'] === 'hold';

async function asking(opening: ReturnType<typeof openRpc>, server: ScriptedServer, id: number) {
  const call = await server.next('tools/call', isHold);
  const write = call.stream();
  write({
    jsonrpc: '2.0',
    id,
    method: 'elicitation/create',
    params: { message: 'Well?', requestedSchema: { type: 'object', properties: {} } },
  });
  const stream = await opening;
  return { call, write, stream, [Symbol.dispose]: () => stream[Symbol.dispose]() };
}

describe('progress', () => {
  const progress = (token: unknown, value: number) => ({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: token, progress: value, total: 9, note: [value] },
  });

  it('goes to the request that asked, under its own token, in order and before the answer', async () => {
    verifies('rule:08-progress-tokens');
    const open = (token: unknown, n: number) =>
      openRpc(url, MASTER_KEY, {
        message: toolCall('one-hold', { n }, n, { progressToken: token, kept: 'yes' }),
      });
    const opening = [open('t', 1), open('t', 2), open(7, 3)];
    const calls: Received[] = [];
    for (let at = 0; at < 3; at++) calls.push(await legacy.next('tools/call', isHold));
    const tokenOf = (call: Received) => (call.params['_meta'] as { progressToken: unknown }).progressToken;
    expect(new Set(calls.map(tokenOf)).size).toBe(3);
    for (const call of calls) {
      expect(call.params['_meta']).toMatchObject({ kept: 'yes' });
      // All in one piece, so that a gateway that answers first would lose some.
      call.stream()(
        ...[1, 2, 3].map((value) => progress(tokenOf(call), value)),
        call.result(textResult(JSON.stringify(call.params['arguments']))),
      );
    }
    for (const [at, token] of ['t', 't', 7].entries()) {
      using stream = await opening[at]!;
      await stream.ended;
      expect(stream.messages.map((message) => message['params'])).toEqual([
        ...[1, 2, 3].map((value) => ({ progressToken: token, progress: value, total: 9, note: [value] })),
        undefined,
      ]);
      expect(textOf(stream.messages.at(-1)!)).toBe(JSON.stringify({ n: at + 1 }));
    }
  });

  it('is asked of a server only where the client asks for it, and what nobody asked for is dropped', async () => {
    verifies('rule:08-progress-tokens');
    const opening = openRpc(url, MASTER_KEY, { message: toolCall('one-hold', {}, 5) });
    const call = await legacy.next('tools/call', isHold);
    expect(JSON.stringify(call.params)).not.toContain('progressToken');
    call.stream()(progress(call.id, 1), progress(0, 1), call.result(textResult('quiet')));
    using stream = await opening;
    await stream.ended;
    expect(stream.messages).toHaveLength(1);
  });
});

describe('handles', () => {
  it("a subscription carries the id of the client's own request", async () => {
    verifies('rule:09-opaque-handles');
    for (const id of ['mine "1"', 0]) {
      using stream = await openModern(
        `${gateway.url}/new/mcp`,
        'subscriptions/listen',
        { notifications: { toolsListChanged: true } },
        { id },
      );
      const first = JSON.parse((await stream.saw('acknowledged')).data) as { params: { _meta: object } };
      expect(first.params._meta).toEqual({ 'io.modelcontextprotocol/subscriptionId': id });
    }
  });

  it('a requestState goes back as it was, and is not shown to the client', async () => {
    verifies('rule:09-opaque-handles');
    const first = (
      await modern(
        `${gateway.url}/new/mcp`,
        'tools/call',
        { name: 'ask' },
        { capabilities: { elicitation: {} } },
      )
    ).json<{
      result: { resultType: string; requestState: string; inputRequests: object };
    }>();
    expect(first.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { 'k/1': { method: 'elicitation/create' } },
    });
    expect(first.result.requestState).not.toContain('a"b');
    const inputResponses = { 'k/1': { action: 'accept', content: { name: 'Ada' } } };
    const second = await modern(
      `${gateway.url}/new/mcp`,
      'tools/call',
      { name: 'ask', requestState: first.result.requestState, inputResponses },
      { capabilities: { elicitation: {} }, id: 2 },
    );
    expect(second.json()).toMatchObject({
      id: 2,
      result: { structuredContent: { got: STATE, answers: inputResponses } },
    });
  });
});

describe('what nobody here knows', () => {
  it('stays in a definition, byte for byte, but for its name', async () => {
    verifies('rule:10-unknown-members');
    expect((await rpc(`${gateway.url}/one/mcp`, MASTER_KEY, request('tools/list'))).text).toContain(
      DEFINITION,
    );
    expect((await rpc(url, MASTER_KEY, request('tools/list'))).text).toContain(
      DEFINITION.replace('"odd"', '"one-odd"'),
    );
  });

  it('stays in arguments and _meta', async () => {
    verifies('rule:10-unknown-members');
    const args = '{"n":12345678901234567890,"x":[1e400,-0.10,"\\u00fc\\/"],"z":{"a":null}}';
    await rpc(
      url,
      MASTER_KEY,
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"one-echo","arguments":${args},"future":[1],"_meta":{"example.com/y":1.50}}}`,
    );
    const call = await legacy.next('tools/call', (one) => one.text.includes('12345678901234567890'));
    expect(call.text).toContain(`"arguments":${args}`);
    expect(call.text).toContain('"future":[1]');
    expect(call.text).toContain('"example.com/y":1.50');
  });

  it.each(['null', '[1,[2]]', '12345678901234567890', '"text"', '{"deep":{"a":[null]}}', 'false'])(
    'structured content of any type: %s',
    async (json) => {
      verifies('rule:10-unknown-members');
      const answer = await rpc(url, MASTER_KEY, toolCall('one-odd', { json }));
      expect(answer.text).toContain(`"structuredContent":${json}}`);
      const stateful = await modern(url, 'tools/call', { name: 'one-odd', arguments: { json } });
      expect(stateful.text).toContain(`"structuredContent":${json}}`);
      expect(messageIn(stateful.text)).toMatchObject({ result: { resultType: 'complete' } });
    },
  );
});
