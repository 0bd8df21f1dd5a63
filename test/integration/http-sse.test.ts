import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { http, type HttpAnswer, rpc } from '../support/http.ts';
import { messagesOf, openRaw, type RawStream } from '../support/raw-stream.ts';
import { type ScriptedServer, startScriptedServer } from '../support/resume-server.ts';
import { verifies } from '../support/verifies.ts';

const BERT = 'sk-bert-0123456789abcdef';
const MIB = 1024 * 1024;

let gateway: TestGateway;
let server: ScriptedServer;
const streams: RawStream[] = [];

beforeEach(async () => {
  server = await startScriptedServer();
  gateway = await startGateway({
    config: configWith(
      { one: { url: server.url } },
      { virtual_keys: [{ api_key: BERT, mcp_servers: ['one'] }], limits: { in_flight_per_session_max: 3 } },
    ),
  });
});
afterEach(async () => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
  await gateway?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

interface SseClient {
  readonly stream: RawStream;
  readonly endpoint: string;
  post(message: object, key?: string): Promise<HttpAnswer>;
  /** The answer to a request that was posted. */
  answer(id: number): Promise<unknown>;
}

async function connect(): Promise<SseClient> {
  let endpoint = '';
  const stream = await openRaw(`${gateway.url}/sse`, { authorization: `Bearer ${MASTER_KEY}` });
  streams.push(stream);
  await stream.until((one) => one.events.length > 0);
  const [first] = stream.events;
  expect(first?.event).toBe('endpoint');
  endpoint = `${gateway.url}${first!.text}`;
  const client: SseClient = {
    stream,
    endpoint,
    post: (message, key = MASTER_KEY) => rpc(endpoint, key, { jsonrpc: '2.0', ...message }),
    answer: async (id) => {
      await stream.until((one) => messagesOf(one).some((message) => message.id === id));
      return messagesOf(stream).find((message) => message.id === id)?.result;
    },
  };
  await client.post({
    id: 0,
    method: 'initialize',
    params: {
      protocolVersion: '2024-11-05',
      capabilities: { elicitation: {} },
      clientInfo: { name: 'sse', version: '1' },
    },
  });
  expect(await client.answer(0)).toMatchObject({ protocolVersion: '2024-11-05' });
  return client;
}
const work = (id: number) => ({ id, method: 'tools/call', params: { name: 'work' } });

describe('a client of HTTP+SSE', () => {
  it('gets answers, progress, questions and news on its stream', async () => {
    verifies('mcp:http-sse');
    const client = await connect();
    await client.post({ id: 1, method: 'resources/subscribe', params: { uri: server.resource } });
    expect(await client.answer(1)).toEqual({});
    const answering = client.post({
      ...work(2),
      params: { name: 'work', _meta: { progressToken: 'token' } },
    });
    const call = await server.call(0);
    call.progress(1);
    const heard = call.ask('elicitation/create', { message: 'Who?', requestedSchema: { type: 'object' } });
    const isQuestion = ({ method }: { readonly method?: string }) => method === 'elicitation/create';
    await client.stream.until((one) => messagesOf(one).some(isQuestion));
    const question = messagesOf(client.stream).find(isQuestion);
    expect((await client.post({ id: question?.id, result: { action: 'cancel' } })).status).toBe(202);
    expect(await heard).toEqual({ action: 'cancel' });
    call.answer('done');
    expect(await client.answer(2)).toEqual({ content: [{ type: 'text', text: 'done' }] });
    expect((await answering).status).toBe(202);
    server.notify('notifications/resources/updated', { uri: server.resource });
    server.tools = ['work', 'more'];
    server.notify('notifications/tools/list_changed');
    const CHANGED = 'notifications/tools/list_changed';
    const told = () => messagesOf(client.stream).map(({ method, id }) => method ?? id);
    await client.stream.until(
      () => told().includes('notifications/resources/updated') && told().includes(CHANGED),
    );
    // The list may have changed before, too, when the server was seen for the first time.
    expect(told().filter((one) => !String(one).endsWith('/list_changed'))).toEqual([
      0,
      1,
      'notifications/progress',
      'elicitation/create',
      2,
      'notifications/resources/updated',
    ]);
    expect(client.stream.events.every(({ message }, at) => at === 0 || message !== undefined)).toBe(true);
  });

  it('that reads slowly gets every answer', async () => {
    verifies('mcp:http-sse');
    const client = await connect();
    client.stream.pause();
    const posts: Promise<HttpAnswer>[] = [];
    for (let at = 0; at < 8; at++) {
      posts.push(client.post(work(at + 1)));
      (await server.call(at)).answer(`${at}:${'x'.repeat(4 * MIB)}`);
      // The next one is made when this one was written.
      await posts[at];
      await gateway.logged(
        () => gateway.log.filter((line) => line.message === 'call' && line['tool'] === 'work').length > at,
      );
    }
    client.stream.resume();
    const answers = await Promise.all(posts.map((_, at) => client.answer(at + 1)));
    expect(
      answers.map((answer) => (answer as { content: { text: string }[] }).content[0]?.text.length),
    ).toEqual(posts.map(() => 4 * MIB + 2));
  });

  it('is bounded as any session, is its key’s alone, and ends with its stream', async () => {
    verifies('mcp:http-sse', 'bounds:in-flight');
    const client = await connect();
    const posts = [1, 2, 3].map((id) => client.post(work(id)));
    await server.call(2);
    const refused = await client.post({ id: 4, method: 'ping' });
    expect(refused.status).toBe(429);
    expect((await client.post({ id: 5, method: 'ping' }, BERT)).status).toBe(404);
    for (const call of server.calls) call.answer('done');
    await Promise.all(posts);
    for (const id of [1, 2, 3]) await client.answer(id);
    expect((await client.post({ id: 6, method: 'ping' })).status).toBe(202);
    await gateway.kill();
    await client.stream.ended;
    await gateway.restart();
    expect((await client.post({ id: 7, method: 'ping' })).status).toBe(404);
    await connect();
  });
});

describe('a gateway that is told to stop', () => {
  const rows = async (): Promise<{ status: string; errorCode: string | null }[]> =>
    (await http(`${gateway.url}/v1/ledger`, { headers: { authorization: `Bearer ${MASTER_KEY}` } })).json();

  it('brings a client of HTTP+SSE the answers that are under way', async () => {
    verifies('bounds:drain');
    const client = await connect();
    const idle = await connect();
    void client.post(work(1)).catch(() => undefined);
    const call = await server.call(0);
    const stopping = gateway.stop();
    // New connections are refused from here on.
    await refusedAt(gateway.url);
    call.answer('in time');
    expect(await client.answer(1)).toEqual({ content: [{ type: 'text', text: 'in time' }] });
    await Promise.all([client.stream.ended, idle.stream.ended]);
    expect(await stopping).toBe(0);
    await gateway.restart();
    expect(await rows()).toMatchObject([{ status: 'ok' }]);
  });
});

/** Resolves when nothing listens there any more. */
async function refusedAt(url: string): Promise<void> {
  for (;;) {
    try {
      await http(`${url}/health/liveness`);
    } catch {
      return;
    }
  }
}
