import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connected, type TestConnection } from '../../../test/support/engine/connected.ts';
import { FakeError, type FakeRequest } from '../../../test/support/engine/fake-upstream.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { UpstreamFailure } from './failure.ts';
import { Watches } from './watches.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

function watched() {
  const trouble: string[] = [];
  const gaps: string[] = [];
  const watches = new Watches(
    (reason) => trouble.push(reason),
    () => gaps.push('gap'),
  );
  return { trouble, gaps, watches };
}

const LISTEN = 'subscriptions/listen';
/** What the server was asked, one line each. */
const said = ({ upstream }: TestConnection): string[] =>
  upstream.requests.map(({ method, params }) => `${method.split('/').pop()} ${String(params['uri'])}`);

function legacy(): TestConnection {
  const one = connected({ capabilities: { resources: { subscribe: true } } });
  one.upstream.answers['resources/subscribe'] = () => ({});
  one.upstream.answers['resources/unsubscribe'] = () => ({});
  return one;
}

describe('watching resources of a legacy server', () => {
  it('subscribes with the first watcher and unsubscribes with the last', async () => {
    verifies('mcp:watches');
    const { watches } = watched();
    const one = legacy();
    watches.begin(one.connection);
    await watches.add('a');
    await watches.add('a');
    await watches.add('b');
    watches.remove('a');
    expect(said(one)).toEqual(['subscribe a', 'subscribe b']);
    watches.remove('a');
    watches.remove('a');
    watches.remove('never watched');
    expect(said(one)).toEqual(['subscribe a', 'subscribe b', 'unsubscribe a']);
    expect(watches.size).toBe(1);
  });

  it('subscribes to everything again over a new connection, and to what was asked for meanwhile', async () => {
    verifies('mcp:watches');
    const { watches } = watched();
    const first = legacy();
    watches.begin(first.connection);
    await watches.add('a');
    watches.end();
    await watches.add('b');
    watches.remove('a');
    await watches.add('c');
    const second = legacy();
    watches.begin(second.connection);
    expect(said(first)).toEqual(['subscribe a']);
    expect(said(second)).toEqual(['subscribe b', 'subscribe c']);
  });

  it('that the server refuses counts nothing and asks for nothing more', async () => {
    const { watches } = watched();
    const one = legacy();
    one.upstream.answers['resources/subscribe'] = () => new FakeError(-32602);
    watches.begin(one.connection);
    await expect(watches.add('a')).rejects.toMatchObject({ code: 'rpc-params' });
    expect(watches.size).toBe(0);
    expect(said(one)).toEqual(['subscribe a']);
  });

  it('that the server refuses is refused to each of those who asked at the same time', async () => {
    const { watches } = watched();
    const one = legacy();
    delete one.upstream.answers['resources/subscribe'];
    watches.begin(one.connection);
    const both = Promise.allSettled([watches.add('a'), watches.add('a')]);
    (await one.upstream.next('resources/subscribe')).error(-32602);
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(watches.size).toBe(0);
  });

  it('that a new connection refuses is reported', async () => {
    const { watches, trouble } = watched();
    await watches.add('a');
    const one = legacy();
    one.upstream.answers['resources/subscribe'] = () => new UpstreamFailure('timeout', 'no answer');
    watches.begin(one.connection);
    await pass(0);
    expect(trouble).toEqual(['no answer']);
  });
});

describe('listening to a modern server', () => {
  const modern = (
    kind: 'stdio' | 'http' = 'http',
    capabilities: Record<string, unknown> = {
      tools: { listChanged: true },
      prompts: {},
      resources: { subscribe: true },
    },
  ) => connected({ era: 'modern', kind, capabilities });
  const wanted = ({ params }: FakeRequest) => params['notifications'];
  const ack = (request: FakeRequest) =>
    request.related({ method: 'notifications/subscriptions/acknowledged', params: {} });

  it('asks for what the server says that it can tell of, and for what is watched', async () => {
    const { watches } = watched();
    const one = modern();
    watches.begin(one.connection);
    const first = await one.upstream.next(LISTEN);
    expect(wanted(first)).toEqual({ toolsListChanged: true });
    await watches.add('a');
    expect(wanted(await one.upstream.next(LISTEN))).toEqual({
      toolsListChanged: true,
      resourceSubscriptions: ['a'],
    });
  });

  it('asks for no resources where it tells of none, and says so', async () => {
    const { watches } = watched();
    const one = modern('http', { tools: { listChanged: true }, resources: {} });
    watches.begin(one.connection);
    await one.upstream.next(LISTEN);
    await expect(watches.add('a')).rejects.toMatchObject({ code: 'rpc-params' });
    expect(watches.size).toBe(0);
    expect(one.upstream.count(LISTEN)).toBe(1);
  });

  it('over HTTP keeps the old stream until the new one has said its first word', async () => {
    verifies('mcp:watches');
    const { watches } = watched();
    const one = modern();
    watches.begin(one.connection);
    const first = await one.upstream.next(LISTEN);
    ack(first);
    await watches.add('a');
    const second = await one.upstream.next(LISTEN);
    first.related({ method: 'notifications/tools/list_changed' });
    expect(one.heard.lists).toEqual(['tools']);
    expect(first.cancelled).toBeUndefined();
    ack(second);
    expect(first.cancelled).toBeDefined();
    second.related({ method: 'notifications/resources/updated', params: { uri: 'a' } });
    expect(one.heard.resources).toEqual(['a']);
    await pass(120_000);
    expect(one.upstream.count(LISTEN), 'the one that was replaced is not opened again').toBe(2);
  });

  it('over HTTP keeps the only working stream when several changes follow each other', async () => {
    verifies('mcp:watches');
    const { watches } = watched();
    const one = modern();
    watches.begin(one.connection);
    const first = await one.upstream.next(LISTEN);
    ack(first);
    await watches.add('a');
    const second = await one.upstream.next(LISTEN);
    await watches.add('b');
    const third = await one.upstream.next(LISTEN);
    expect([first.cancelled, second.cancelled]).toEqual([undefined, undefined]);
    ack(third);
    expect([first.cancelled, second.cancelled].every((reason) => reason !== undefined)).toBe(true);
    expect(third.cancelled).toBeUndefined();
    ack(second);
    expect(third.cancelled).toBeUndefined();
  });

  it('over one pipe ends the old one when the new one was asked for', async () => {
    const { watches } = watched();
    const one = modern('stdio');
    watches.begin(one.connection);
    const first = await one.upstream.next(LISTEN);
    await watches.add('a');
    await one.upstream.next(LISTEN);
    expect(first.cancelled).toBeDefined();
  });

  it('is taken up again with growing delays when the stream breaks, and at once-a-second when it ends', async () => {
    verifies('mcp:watches');
    const { watches, trouble } = watched();
    const one = modern();
    watches.begin(one.connection);
    const waits: number[] = [];
    for (let at = 0; at < 8; at++) {
      (await one.upstream.next(LISTEN)).fail(new UpstreamFailure('closed', 'reset'));
      const before = one.upstream.count(LISTEN);
      let ms = 0;
      for (; one.upstream.count(LISTEN) === before; ms += 500) await pass(500);
      waits.push(ms);
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(trouble).toHaveLength(8);
    const working = await one.upstream.next(LISTEN);
    ack(working);
    working.result({});
    await pass(1_000);
    expect(one.upstream.count(LISTEN)).toBe(10);
  });

  it('is given up for a server that has no such thing', async () => {
    const { watches } = watched();
    const one = modern();
    watches.begin(one.connection);
    (await one.upstream.next(LISTEN)).error(-32601);
    await pass(10 * 60_000);
    expect(one.upstream.count(LISTEN)).toBe(1);
  });

  it('ends with the connection, and with the last thing that is watched', async () => {
    const { watches } = watched();
    const one = modern('http', { resources: { subscribe: true } });
    watches.begin(one.connection);
    expect(one.upstream.count(LISTEN)).toBe(0);
    await watches.add('a');
    const first = await one.upstream.next(LISTEN);
    watches.remove('a');
    expect(first.cancelled).toBeDefined();
    await watches.add('b');
    const second = await one.upstream.next(LISTEN);
    watches.end();
    expect(second.cancelled).toBeDefined();
    await pass(10 * 60_000);
    expect(one.upstream.count(LISTEN)).toBe(2);
  });

  it('tells of a gap, after which the lists are read again, when it works again after a break', async () => {
    verifies('mcp:watches');
    const { watches, gaps } = watched();
    const one = modern();
    watches.begin(one.connection);
    const first = await one.upstream.next(LISTEN);
    ack(first);
    expect(gaps).toEqual([]);
    first.fail(new UpstreamFailure('closed', 'reset'));
    await pass(2_000);
    const second = await one.upstream.next(LISTEN);
    expect(gaps).toEqual([]);
    ack(second);
    second.related({ method: 'notifications/tools/list_changed' });
    expect(gaps).toEqual(['gap']);
  });

  it('keeps the old stream when the new one is refused, and ends it when one works after all', async () => {
    const { watches, gaps } = watched();
    const one = modern();
    watches.begin(one.connection);
    const first = await one.upstream.next(LISTEN);
    ack(first);
    await watches.add('a');
    (await one.upstream.next(LISTEN)).fail(new UpstreamFailure('status', 'HTTP 500', { status: 500 }));
    await pass(2_000);
    expect(first.cancelled).toBeUndefined();
    ack(await one.upstream.next(LISTEN));
    expect(first.cancelled).toBeDefined();
    expect(gaps).toEqual([]);
  });
});
