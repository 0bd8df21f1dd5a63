import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { peerOn } from '../../../test/support/engine/connected.ts';
import { ALL_CAPABILITIES, FakeCaller } from '../../../test/support/engine/fake-caller.ts';
import { FakeTransport, FakeUpstream } from '../../../test/support/engine/fake-upstream.ts';
import { OPTIONS, target } from '../../../test/support/engine/supervised.ts';
import { verifies } from '../../../test/support/verifies.ts';
import type { Connection } from './connection.ts';
import { UpstreamFailure } from './failure.ts';
import { IsolatedConnections, type IsolatedDeps } from './isolated-connections.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const CALL = 'tools/call';

function isolated(options: Partial<Pick<IsolatedDeps, 'by' | 'idleMs' | 'max'>> = {}) {
  const upstream = new FakeUpstream();
  const capabilities: string[] = [];
  const opening = {
    wait: undefined as Promise<void> | undefined,
    failure: undefined as UpstreamFailure | undefined,
  };
  const connections: IsolatedConnections = new IsolatedConnections({
    by: 'session',
    idleMs: undefined,
    now: () => performance.now(),
    ...options,
    hooks: {
      onListChanged: () => undefined,
      onResourceUpdated: () => undefined,
      onTask: () => undefined,
      onClosed: (connection) => void connections.lost(connection),
      onOddity: () => undefined,
      needsRoots: () => false,
      onAmbiguous: () => undefined,
    },
    connect: async (connection: Connection, text: string) => {
      capabilities.push(text);
      await opening.wait;
      if (opening.failure !== undefined) throw opening.failure;
      const transport = new FakeTransport('http', connection.events, upstream);
      upstream.transports.push(transport);
      connection.begin(peerOn(transport, 'legacy', { tools: {} }));
    },
  });
  const call = (caller: FakeCaller, repeatable = false) => {
    const outcome = connections.call(target({ repeatable }), undefined, caller, OPTIONS);
    outcome.catch(() => undefined);
    return outcome;
  };
  return { upstream, connections, capabilities, opening, call, next: () => upstream.next(CALL) };
}

const clientOf = (principalId: string, session = `session of ${principalId}`) => {
  const caller = new FakeCaller(principalId);
  caller.conversationId = session;
  return caller;
};

describe('connections of single clients', () => {
  it('are one for each session, whoever it belongs to, or one for each principal', async () => {
    verifies('mcp:isolation');
    for (const [by, expected] of [
      ['session', [0, 1, 0, 2]],
      ['key', [0, 0, 0, 1]],
    ] as const) {
      const one = isolated({ by });
      const used: FakeTransport[] = [];
      for (const caller of [
        clientOf('a', 's1'),
        clientOf('a', 's2'),
        clientOf('a', 's1'),
        clientOf('b', 's3'),
      ]) {
        void one.call(caller);
        used.push((await one.next()).transport);
      }
      expect(
        used.map((transport) => one.upstream.transports.indexOf(transport)),
        by,
      ).toEqual(expected);
    }
  });

  it('are another for a client that can do other things, and the server is told what it can', async () => {
    verifies('mcp:isolation');
    const one = isolated();
    const able = new FakeCaller('a', ALL_CAPABILITIES);
    void one.call(clientOf('a'));
    void one.call(able);
    await one.next();
    await one.next();
    expect(one.capabilities).toEqual(['{}', JSON.stringify(ALL_CAPABILITIES)]);
  });

  it('are for each call of a modern client alone, one after the other over the same', async () => {
    verifies('mcp:isolation');
    const one = isolated();
    const modern = () => {
      const caller = clientOf('a', 'a');
      caller.era = 'modern';
      return caller;
    };
    const first = one.call(modern());
    const asked = await one.next();
    void one.call(modern());
    expect((await one.next()).transport).not.toBe(asked.transport);
    asked.result({});
    await first;
    void one.call(modern());
    expect((await one.next()).transport).toBe(asked.transport);
    expect(one.connections.size).toBe(2);
  });

  it('that are being opened are shared by those who have the same', async () => {
    const one = isolated();
    let open = (): void => undefined;
    one.opening.wait = new Promise((resolve) => {
      open = resolve;
    });
    for (let at = 0; at < 10; at++) void one.call(clientOf('a'));
    open();
    for (let at = 0; at < 10; at++) await one.next();
    expect(one.upstream.transports).toHaveLength(1);
  });

  it('that cannot be opened are forgotten, and the failure is told to each caller', async () => {
    const one = isolated();
    one.opening.failure = new UpstreamFailure('spawn', 'no such program');
    const outcomes = await Promise.allSettled([one.call(clientOf('a')), one.call(clientOf('a'))]);
    expect(outcomes).toMatchObject([{ reason: { kind: 'spawn' } }, { reason: { kind: 'spawn' } }]);
    expect(one.connections.size).toBe(0);
    one.opening.failure = undefined;
    const answer = one.call(clientOf('a'));
    (await one.next()).result({});
    await answer;
  });

  it('are bounded: the one unused for longest makes room, and one in use never', async () => {
    verifies('mcp:isolation');
    const one = isolated({ max: 2 });
    for (const name of ['a', 'b']) {
      const answer = one.call(clientOf(name));
      (await one.next()).result({});
      await answer;
      await pass(1_000);
    }
    void one.call(clientOf('a'));
    await one.next();
    void one.call(clientOf('c'));
    await one.next();
    expect(one.upstream.transports.map(({ disposed }) => disposed)).toEqual([false, true, false]);
    await expect(one.call(clientOf('d'))).resolves.toBeUndefined();
    expect(one.connections.size).toBe(2);
  });

  it('are not all one principal’s: beyond three quarters it makes room among its own', async () => {
    verifies('mcp:isolation');
    const one = isolated({ max: 4 });
    const other = one.call(clientOf('b'));
    (await one.next()).result({});
    await other;
    for (const session of ['1', '2', '3']) {
      void one.call(clientOf('a', session));
      await one.next();
    }
    await expect(one.call(clientOf('a', '4'))).resolves.toBeUndefined();
    expect(one.upstream.transports.map(({ disposed }) => disposed)).toEqual([false, false, false, false]);
    void one.call(clientOf('c'));
    await one.next();
    expect(one.upstream.transports.map(({ disposed }) => disposed)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('are ended when they were not used for five minutes, or for as long as the entry says', async () => {
    verifies('mcp:isolation');
    for (const [idleMs, waits] of [
      [undefined, 5 * 60_000],
      [10_000, 10_000],
    ] as const) {
      const one = isolated({ idleMs });
      const answer = one.call(clientOf('a'));
      const asked = await one.next();
      await pass(waits * 2);
      one.connections.check(performance.now() - OPTIONS.totalMs - waits * 2);
      expect(one.connections.size, 'in use').toBe(1);
      asked.result({});
      await answer;
      await pass(waits);
      one.connections.check(performance.now());
      expect(one.connections.size).toBe(1);
      await pass(1);
      one.connections.check(performance.now());
      expect(one.connections.size).toBe(0);
      expect(asked.transport.disposed).toBe(true);
    }
  });

  it('time their calls out', async () => {
    const one = isolated();
    const answer = one.call(clientOf('a'));
    await one.next();
    await pass(OPTIONS.idleMs);
    one.connections.check(performance.now());
    await expect(answer).rejects.toMatchObject({ kind: 'timeout' });
  });

  it('that hang are ended, so that the next call gets another', async () => {
    verifies('mcp:hung-server');
    const one = isolated();
    const answer = one.call(clientOf('a'));
    const asked = await one.next();
    await pass(OPTIONS.idleMs);
    one.connections.check(performance.now());
    await expect(answer).rejects.toMatchObject({ kind: 'timeout' });
    (await one.upstream.next('ping')).fail(new UpstreamFailure('timeout', 'no answer'));
    await pass(0);
    expect(asked.transport.disposed).toBe(true);
    void one.call(clientOf('a'));
    expect((await one.next()).transport).not.toBe(asked.transport);
  });

  it('end with the supervisor, those that are being opened too', async () => {
    const one = isolated();
    const running = one.call(clientOf('a'));
    await one.next();
    let open = (): void => undefined;
    one.opening.wait = new Promise((resolve) => {
      open = resolve;
    });
    const waiting = one.call(clientOf('b'));
    const closed = one.connections[Symbol.asyncDispose]();
    await expect(running).rejects.toMatchObject({ kind: 'stopped' });
    open();
    await closed;
    await expect(waiting).rejects.toMatchObject({ kind: 'stopped' });
    expect(one.connections.size).toBe(0);
    expect(one.upstream.transports.every(({ disposed }) => disposed)).toBe(true);
  });
});

describe('a connection of a client’s own that is lost', () => {
  it('is opened anew for a call that may be sent again, once', async () => {
    verifies('mcp:repeat');
    const one = isolated();
    const answer = one.call(clientOf('a'), true);
    (await one.next()).transport.crash();
    (await one.next()).transport.crash('it exited again');
    await expect(answer).rejects.toMatchObject({ kind: 'closed', message: 'it exited again' });
    const careful = one.call(clientOf('a'));
    (await one.next()).transport.crash();
    await expect(careful).rejects.toMatchObject({ kind: 'closed' });
    expect(one.upstream.count(CALL)).toBe(3);
  });

  it('costs the other clients nothing', async () => {
    verifies('mcp:isolation-of-failure');
    const one = isolated();
    const other = one.call(clientOf('b'));
    const asked = await one.next();
    void one.call(clientOf('a'));
    (await one.next()).transport.crash();
    asked.result({});
    await other;
    await pass(0);
    expect(one.connections.size).toBe(1);
  });

  it('because its session was lost is opened anew once, and answers that were under way still come', async () => {
    verifies('mcp:lost-session');
    const one = isolated({ by: 'key' });
    const lost = () => new UpstreamFailure('session-lost', 'HTTP 404', { delivered: 'no', status: 404 });
    const early = one.call(clientOf('a'));
    const earlyAsked = await one.next();
    const late = [one.call(clientOf('a')), one.call(clientOf('a'))];
    for (const asked of [await one.next(), await one.next()]) asked.fail(lost());
    for (const asked of [await one.next(), await one.next()]) asked.result({});
    await Promise.all(late);
    earlyAsked.result({});
    await early;
    expect(one.upstream.transports).toHaveLength(2);
    await pass(0);
    expect(earlyAsked.transport.disposed).toBe(true);
  });
});

describe('a client’s notification', () => {
  it('reaches the connections of its own conversation alone', async () => {
    verifies('mcp:isolation');
    const one = isolated();
    for (const session of ['s', 's 2', 's2']) {
      void one.call(clientOf('a', session));
      await one.next();
    }
    for (const connection of one.connections.of('s')) connection.tell('notifications/x', undefined);
    expect(one.upstream.transports.map(({ told }) => told.length)).toEqual([1, 0, 0]);
  });
});
