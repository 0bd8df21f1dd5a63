import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http } from '../support/http.ts';
import { startPuppet } from '../support/puppet-server.ts';
import { lastIdOf, messagesOf, openRaw, type RawStream } from '../support/raw-stream.ts';
import { initialize, rawSession } from '../support/resume-client.ts';
import { type ScriptedServer, startScriptedServer } from '../support/resume-server.ts';
import { verifies } from '../support/verifies.ts';

const OFTEN = { limits: { keep_alive_ms: 100, first_list_wait_ms: 25_000 } };
const AUTHORISED = { authorization: `Bearer ${MASTER_KEY}` };

let gateway: TestGateway;
let server: ScriptedServer;
let mcp: string;
const streams: RawStream[] = [];

beforeEach(async () => {
  server = await startScriptedServer();
  gateway = await startGateway({ config: configWith({ one: { url: server.url } }, OFTEN) });
  mcp = `${gateway.url}/mcp`;
});
afterEach(async () => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
  await gateway?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

const kept = async (opening: Promise<RawStream>): Promise<RawStream> => {
  const stream = await opening;
  streams.push(stream);
  return stream;
};
const comments = (stream: RawStream, text: string): number =>
  stream.comments.filter((comment) => comment === text).length;

describe('a stream on which nothing happens', () => {
  it('is kept alive by comments: of a session, of HTTP+SSE and of a subscription', async () => {
    verifies('edge:keep-alive', 'pain:16-cut-after-minutes');
    const session = await initialize(mcp, MASTER_KEY, '2025-06-18');
    const modern = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const opened = await Promise.all([
      kept(session.listen()),
      kept(openRaw(`${gateway.url}/sse`, AUTHORISED)),
      kept(
        openRaw(
          mcp,
          { ...AUTHORISED, 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' },
          {
            jsonrpc: '2.0',
            id: 1,
            method: 'subscriptions/listen',
            params: { notifications: { toolsListChanged: true }, _meta: modern },
          },
        ),
      ),
    ]);
    for (const stream of opened) await stream.until((one) => comments(one, 'keep-alive') >= 3);
    expect(opened.map((stream) => stream.events.length)).toEqual([0, 1, 1]);
  });
});

describe('an answer that is slow to come', () => {
  it('becomes a stream with comments, which can be taken up again where the client knows that', async () => {
    verifies('edge:keep-alive', 'pain:16-cut-after-minutes');
    const session = await initialize(mcp, MASTER_KEY);
    const stream = await kept(session.stream('tools/call', { name: 'work' }, 'slow'));
    await stream.until((one) => comments(one, 'working') >= 3);
    expect(stream.headers['content-type']).toBe('text/event-stream');
    expect(stream.events.map(({ message }) => message)).toEqual([undefined]);
    stream[Symbol.dispose]();
    await stream.ended;
    const again = await kept(session.listen(lastIdOf(stream)));
    (await server.call(0)).answer('after all');
    await again.ended;
    expect(messagesOf(again)).toMatchObject([{ id: 'slow', result: { content: [{ text: 'after all' }] } }]);
  });

  it('begins with no event without data for clients that do not know what that is', async () => {
    verifies('edge:keep-alive');
    const session = await initialize(mcp, MASTER_KEY, '2025-06-18');
    const stream = await kept(session.stream('tools/call', { name: 'work' }, 'slow'));
    await stream.until((one) => comments(one, 'working') >= 2);
    (await server.call(0)).answer('done');
    await stream.ended;
    expect(stream.events.map(({ message }) => message?.id)).toEqual(['slow']);
  });

  it('is awaited in silence by a client that takes JSON alone', async () => {
    verifies('edge:keep-alive');
    const session = await initialize(mcp, MASTER_KEY);
    const witness = await kept(session.stream('tools/call', { name: 'work' }, 'witness'));
    const answering = http(mcp, {
      method: 'POST',
      headers: { ...session.headers, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 'json', method: 'tools/call', params: { name: 'work' } }),
    });
    const second = await server.call(1);
    const sofar = comments(witness, 'working');
    await witness.until((one) => comments(one, 'working') >= sofar + 3);
    second.answer('done');
    const answer = await answering;
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toMatchObject({ id: 'json', result: { content: [{ text: 'done' }] } });
  });

  it('with progress gets comments in the pauses alone, and they never hold up the answer', async () => {
    verifies('edge:keep-alive');
    const session = await initialize(mcp, MASTER_KEY);
    const stream = await kept(
      session.stream('tools/call', { name: 'work', _meta: { progressToken: 1 } }, 'slow'),
    );
    const call = await server.call(0);
    for (let step = 1; step <= 3; step++) {
      call.progress(step);
      await stream.until((one) => messagesOf(one).length === step && comments(one, 'working') >= step);
    }
    call.answer('done');
    await stream.ended;
    expect(messagesOf(stream)).toHaveLength(4);
  });

  it('to initialize names the session all the same', async () => {
    verifies('edge:keep-alive');
    const puppet = await startPuppet();
    const late = await startGateway({ config: configWith({ one: { url: puppet.url } }, OFTEN) });
    try {
      const params = {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'x', version: '1' },
      };
      const stream = await kept(
        openRaw(`${late.url}/mcp`, AUTHORISED, { jsonrpc: '2.0', id: 1, method: 'initialize', params }),
      );
      await stream.until((one) => comments(one, 'working') >= 1);
      const id = String(stream.headers['mcp-session-id']);
      (await puppet.next('POST')).cut();
      for (const request of puppet.requests) request.cut();
      await stream.ended;
      expect(messagesOf(stream)).toMatchObject([{ id: 1, result: { protocolVersion: '2025-11-25' } }]);
      expect((await rawSession(`${late.url}/mcp`, MASTER_KEY, id).ask('ping')).status).toBe(200);
    } finally {
      await late[Symbol.asyncDispose]();
      await puppet[Symbol.asyncDispose]();
    }
  });
});
