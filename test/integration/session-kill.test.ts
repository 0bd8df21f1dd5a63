import { afterEach, describe, expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway, type TestGateway } from '../support/gateway.ts';
import { type LedgerEntry, ledgerRows } from '../support/ledger-rows.ts';
import { startTestPostgres } from '../support/postgres.ts';
import { lastIdOf, messagesOf, type RawMessage, type RawStream } from '../support/raw-stream.ts';
import { initialize, type RawSession } from '../support/resume-client.ts';
import { type ScriptedCall, type ScriptedServer, startScriptedServer } from '../support/resume-server.ts';
import { verifies } from '../support/verifies.ts';

const CALL = { name: 'work', _meta: { progressToken: 'mine' } };
const LIST_CHANGED = 'notifications/tools/list_changed';
const ALL_CHANGED = ['tools', 'prompts', 'resources'].map((kind) => `notifications/${kind}/list_changed`);
/** Long enough that a call under way is answered in it by a test that means to, and short where it is not to be answered. */
const DRAIN_MS = { long: 60_000, short: 200 };

const opened: AsyncDisposable[] = [];
const streams: RawStream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream[Symbol.dispose]();
  for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

const kept = async (opening: Promise<RawStream>): Promise<RawStream> => {
  const stream = await opening;
  streams.push(stream);
  return stream;
};

async function startServer(): Promise<ScriptedServer> {
  const server = await startScriptedServer();
  opened.push(server);
  return server;
}

async function start(server: ScriptedServer, drainMs: number, general: object = {}): Promise<TestGateway> {
  const gateway = await startGateway({
    config: configWith(
      { one: { url: server.url } },
      {
        limits: { shutdown_drain_ms: drainMs },
        general_settings: { master_key: MASTER_KEY, disable_database: true, ...general },
      },
    ),
  });
  opened.push(gateway);
  return gateway;
}

/** A client in the middle: its GET stream is open, and its call has reported a first step. */
interface Busy {
  readonly own: RawStream;
  readonly stream: RawStream;
  readonly call: ScriptedCall;
}

async function busy(session: RawSession, server: ScriptedServer): Promise<Busy> {
  const own = await kept(session.listen());
  const at = server.calls.length;
  const answering = kept(session.stream('tools/call', CALL, 'call'));
  const call = await server.call(at);
  call.progress(1);
  const stream = await answering;
  await stream.until((one) => messagesOf(one).length === 1);
  return { own, stream, call };
}

/** A call in the session, answered: its result's text, as the client got it. */
async function works(session: RawSession, server: ScriptedServer, text: string): Promise<unknown> {
  const at = server.calls.length;
  const answering = session.ask('tools/call', { name: 'work' });
  (await server.call(at)).answer(text);
  return (await answering).json<RawMessage>().result;
}
const result = (text: string) => ({ content: [{ type: 'text', text }] });

/** Whether the session's GET stream, taken up where it was left, brings news: a server's list changes meanwhile. */
async function goesOn(session: RawSession, own: RawStream, server: ScriptedServer): Promise<void> {
  const again = await kept(session.listen(lastIdOf(own)));
  expect(again.status).toBe(200);
  // Which lists it has read, nobody knows any more.
  await again.until((one) => messagesOf(one).length === ALL_CHANGED.length);
  server.tools = [...server.tools, `tool${server.tools.length}`];
  server.notify(LIST_CHANGED);
  await again.until((one) => messagesOf(one).length > ALL_CHANGED.length);
  expect(messagesOf(again).map(({ method }) => method)).toEqual([...ALL_CHANGED, LIST_CHANGED]);
}

/** How each call ended, the latest first. */
const told = (rows: readonly LedgerEntry[]): unknown[] =>
  rows.map(({ status, errorCode }) => `${status} ${errorCode ?? ''}`.trim());

describe('a gateway that ends while a client listens and waits for a call', () => {
  it('with SIGKILL: the session goes on, and its streams say what is lost', async () => {
    verifies('mcp:session-kill');
    const server = await startServer();
    const gateway = await start(server, DRAIN_MS.long);
    const session = await initialize(`${gateway.url}/mcp`, MASTER_KEY);
    const { own, stream, call } = await busy(session, server);
    await gateway.kill();
    await Promise.all([own.ended, stream.ended, call.closed]);
    await gateway.restart();
    expect(await works(session, server, 'the next call')).toEqual(result('the next call'));
    const again = await kept(session.listen(lastIdOf(stream)));
    await again.ended;
    expect(messagesOf(again)).toMatchObject([{ id: 'call', error: { data: { lanport: 'answer-lost' } } }]);
    expect((await session.listen(lastIdOf(again))).status, 'it was said').toBe(405);
    await goesOn(session, own, server);
    expect(told(await ledgerRows(gateway))).toEqual(['ok', 'unknown gateway-died']);
  });

  it('with SIGTERM: the call is answered first, when it is answered in time', async () => {
    verifies('mcp:session-kill');
    const server = await startServer();
    const gateway = await start(server, DRAIN_MS.long);
    const session = await initialize(`${gateway.url}/mcp`, MASTER_KEY);
    const { own, stream, call } = await busy(session, server);
    const stopping = gateway.stop();
    await own.ended;
    call.progress(2);
    call.answer('in time');
    await stream.ended;
    expect(await stopping).toBe(0);
    expect(messagesOf(stream).map(({ params, result: one }) => params?.['progress'] ?? one)).toEqual([
      1,
      2,
      result('in time'),
    ]);
    await gateway.restart();
    expect((await session.listen(lastIdOf(stream))).status, 'it has the answer').toBe(405);
    expect(await works(session, server, 'the next call')).toEqual(result('the next call'));
    await goesOn(session, own, server);
    expect(told(await ledgerRows(gateway))).toEqual(['ok', 'ok']);
  });

  it('with SIGTERM: a call that takes too long is told to be lost, and the session goes on', async () => {
    verifies('mcp:session-kill');
    const server = await startServer();
    const gateway = await start(server, DRAIN_MS.short);
    const session = await initialize(`${gateway.url}/mcp`, MASTER_KEY);
    const { own, stream, call } = await busy(session, server);
    expect(await gateway.stop()).toBe(0);
    await Promise.all([own.ended, stream.ended, call.closed]);
    expect(messagesOf(stream).slice(1)).toMatchObject([{ id: 'call', result: { isError: true } }]);
    await gateway.restart();
    expect((await session.listen(lastIdOf(stream))).status, 'it has the answer').toBe(405);
    expect(await works(session, server, 'the next call')).toEqual(result('the next call'));
    await goesOn(session, own, server);
    expect(told(await ledgerRows(gateway))).toEqual(['ok', 'error call-lost']);
  });
});

it('two gateways with one secret serve one session in turn, and one alone when the other was killed', async () => {
  verifies('mcp:session-replicas');
  await using postgres = await startTestPostgres();
  const general = { disable_database: false, database_url: await postgres.createDatabase() };
  const server = await startServer();
  const gateways = [
    await start(server, DRAIN_MS.long, general),
    await start(server, DRAIN_MS.long, general),
  ] as const;
  const first = await initialize(`${gateways[0].url}/mcp`, MASTER_KEY);
  const [here, there] = [first, first.with({ url: `${gateways[1].url}/mcp` })];
  for (const [at, session] of [here, there, here, there, there, here].entries())
    expect(await works(session, server, `call ${at}`)).toEqual(result(`call ${at}`));
  // The same request id is under way on both at once, as a client's retry may be.
  const [mine, theirs] = [await busy(here, server), await busy(there, server)];
  theirs.call.answer('of the other');
  await theirs.stream.ended;
  expect(messagesOf(theirs.stream).at(-1)?.result).toEqual(result('of the other'));
  await gateways[0].kill();
  await mine.stream.ended;
  const again = await kept(there.listen(lastIdOf(mine.stream)));
  await again.ended;
  expect(messagesOf(again)).toMatchObject([{ id: 'call', error: { data: { lanport: 'answer-lost' } } }]);
  expect(await works(there, server, 'alone')).toEqual(result('alone'));
  await goesOn(there, mine.own, server);
  await gateways[0].restart();
  for (const session of [here, there])
    expect(await works(session.with({}), server, 'both again')).toEqual(result('both again'));
});
