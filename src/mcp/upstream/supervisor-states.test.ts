import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCaller } from '../../../test/support/engine/fake-caller.ts';
import { OPTIONS, supervise, type Supervised, target } from '../../../test/support/engine/supervised.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { UpstreamFailure } from './failure.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const state = ({ supervisor }: Supervised) => supervisor.status().state;
const call = ({ supervisor }: Supervised, caller = new FakeCaller()) =>
  supervisor.call(target(), undefined, caller, OPTIONS);
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** How long it takes until another start is tried. */
async function untilStart(one: Supervised, stepMs = 50, boundMs = 100_000): Promise<number> {
  const { starts } = one.supervisor.status();
  for (let ms = 0; ms < boundMs; ms += stepMs) {
    await pass(stepMs);
    if (one.supervisor.status().starts > starts) return ms + stepMs;
  }
  throw new Error('no start was tried');
}

/** A server that cannot be started. */
function broken(failure = new UpstreamFailure('spawn', 'no such program', { delivered: 'no' })): Supervised {
  const one = supervise();
  one.upstream.onOpen = () => failure;
  return one;
}

describe('a server', () => {
  it('is stopped, starting and ready in turn', async () => {
    const one = supervise();
    let open = (): void => undefined;
    one.upstream.onOpen = () =>
      new Promise((resolve) => {
        open = resolve;
      });
    expect(state(one)).toBe('stopped');
    const started = one.supervisor.start();
    expect(state(one)).toBe('starting');
    open();
    await started;
    expect(one.supervisor.status()).toMatchObject({ state: 'ready', starts: 1, failures: 0, tools: 1 });
    expect(one.supervisor.era).toBe('legacy');
  });

  it('whose lists cannot be read is down, and tried again, when its connection cannot be closed either', async () => {
    const one = supervise();
    one.upstream.answers['tools/list'] = () => new UpstreamFailure('closed', 'it exited with code 1');
    one.upstream.closeFailure = new Error('EPERM: it cannot be ended');
    await one.supervisor.start();
    expect(state(one)).toBe('down');
    expect(one.logged).toContainEqual(
      expect.objectContaining({
        message: 'a lost connection did not close',
        error: one.upstream.closeFailure,
      }),
    );
    expect(await untilStart(one)).toBe(1_000);
  });

  it('that cannot be started is tried again after 1, 2, 4 and 8 seconds, then parked with a try after 16 and one a minute', async () => {
    verifies('mcp:supervision', 'pain:09-retry-storms');
    const one = broken();
    await one.supervisor.start();
    const waits: number[] = [];
    const states = [state(one)];
    for (let at = 0; at < 6; at++) {
      waits.push(await untilStart(one));
      await pass(0);
      states.push(state(one));
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 60_000]);
    expect(states).toEqual(['down', 'down', 'down', 'down', 'parked', 'parked', 'parked']);
  });

  it('that dies after each start is started again with the same delays, and parked, too', async () => {
    verifies('mcp:supervision');
    const one = supervise();
    await one.supervisor.start();
    const waits: number[] = [];
    const states: string[] = [];
    for (let at = 0; at < 6; at++) {
      one.upstream.last.crash();
      states.push(state(one));
      waits.push(await untilStart(one));
      await pass(0);
      expect(state(one)).toBe('ready');
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 60_000]);
    expect(states).toEqual(['down', 'down', 'down', 'down', 'parked', 'parked']);
  });

  it('waits a quarter less to a quarter more than that, as chance has it', async () => {
    for (const [random, expected] of [
      [0, 750],
      [1, 1_250],
    ] as const) {
      const one = supervise({}, { random: () => random });
      one.upstream.onOpen = () => new UpstreamFailure('spawn', 'no');
      await one.supervisor.start();
      expect(await untilStart(one, 1)).toBe(expected);
      await one.supervisor[Symbol.asyncDispose]();
    }
  });

  it('that worked for five minutes has its failures forgotten, and one that did not has not', async () => {
    for (const [worksMs, expected] of [
      [5 * 60_000 + 1, 1_000],
      [5 * 60_000 - 1_000, 8_000],
    ] as const) {
      const one = supervise();
      await one.supervisor.start();
      for (let at = 0; at < 3; at++) {
        one.upstream.last.crash();
        await untilStart(one);
      }
      await pass(worksMs);
      one.upstream.last.crash();
      expect(await untilStart(one), `after ${worksMs} ms`).toBe(expected);
      await one.supervisor[Symbol.asyncDispose]();
    }
  });

  it('that worked for five minutes and was then put to rest has its failures forgotten, too', async () => {
    const one = supervise({ idleShutdownMs: 6 * 60_000 });
    await one.supervisor.start();
    for (let at = 0; at < 4; at++) {
      one.upstream.last.crash();
      await untilStart(one);
    }
    await pass(6 * 60_000 + 1_000);
    one.supervisor.check(performance.now());
    expect(state(one)).toBe('stopped');
    one.upstream.onOpen = () => new UpstreamFailure('spawn', 'no');
    await expect(call(one)).rejects.toMatchObject({ code: 'server-down' });
    expect(state(one)).toBe('down');
  });

  it('that refuses our credentials is parked and not tried again by itself', async () => {
    verifies('mcp:supervision', 'pain:09-retry-storms');
    const one = broken(new UpstreamFailure('auth', 'HTTP 401', { status: 401 }));
    await one.supervisor.start();
    expect(one.supervisor.status()).toMatchObject({ state: 'parked', starts: 1 });
    await pass(60 * 60_000);
    expect(one.supervisor.status().starts).toBe(1);
  });

  it('that refuses our credentials is not asked by a hundred calls either, and once a minute at the most', async () => {
    verifies('mcp:supervision');
    const one = broken(new UpstreamFailure('auth', 'HTTP 403', { status: 403 }));
    await one.supervisor.start();
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => call(one)));
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ reason: { code: 'server-auth', facts: { status: 403 } } });
    expect(one.supervisor.status().starts).toBe(1);
    await pass(60_001);
    await Promise.allSettled(Array.from({ length: 100 }, () => call(one)));
    expect(one.supervisor.status().starts).toBe(2);
    one.upstream.onOpen = () => undefined;
    await pass(60_001);
    void call(one).catch(() => undefined);
    expect(await one.upstream.next('tools/call')).toBeDefined();
    expect(state(one)).toBe('ready');
  });

  it('that hangs at its start fails it in time', async () => {
    const one = supervise({ startTimeoutMs: 20_000 });
    one.upstream.answers['initialize'] = () => undefined;
    one.upstream.answers['server/discover'] = () => undefined;
    one.upstream.onOpen = () => undefined;
    const started = one.supervisor.start();
    await pass(3_000);
    const asked = await one.upstream.next('initialize');
    expect(asked.timeoutMs).toBe(20_000);
    asked.fail(new UpstreamFailure('timeout', 'no answer within 20 s'));
    (await one.upstream.next('server/discover')).fail(new UpstreamFailure('timeout', 'no answer'));
    await started;
    expect(one.supervisor.status()).toMatchObject({
      state: 'down',
      reason: expect.stringContaining('no answer within 20 s'),
    });
    expect(one.upstream.last.disposed).toBe(true);
  });
});

describe('a server that nobody uses', () => {
  it('is ended after its time and started by the next call', async () => {
    verifies('mcp:supervision', 'pain:06-idle-servers');
    const one = supervise({ idleShutdownMs: 30_000 });
    await one.supervisor.start();
    await pass(29_000);
    one.supervisor.check(performance.now());
    expect(state(one)).toBe('ready');
    await pass(2_000);
    one.supervisor.check(performance.now());
    expect(state(one)).toBe('stopped');
    await pass(0);
    expect(one.upstream.last.disposed).toBe(true);
    await pass(10 * 60_000);
    expect(one.supervisor.status().starts).toBe(1);
    const answer = call(one);
    (await one.upstream.next('tools/call')).result({ content: [] });
    await expect(answer).resolves.toMatchObject({ era: 'legacy' });
    expect(one.supervisor.status()).toMatchObject({ state: 'ready', starts: 2 });
  });

  it('is kept while a call is under way, however long, and while a resource is watched', async () => {
    const one = supervise({ idleShutdownMs: 30_000 });
    await one.supervisor.start();
    const answer = call(one);
    const asked = await one.upstream.next('tools/call');
    await pass(45_000);
    one.supervisor.check(performance.now());
    expect(state(one)).toBe('ready');
    asked.result({});
    await answer;
    await one.supervisor.watches.add('file:///a');
    await pass(45_000);
    one.supervisor.check(performance.now());
    expect(state(one)).toBe('ready');
    one.supervisor.watches.remove('file:///a');
    one.supervisor.check(performance.now());
    expect(state(one)).toBe('stopped');
  });
});

describe('a supervisor', () => {
  it('that is closed during a start leaves nothing open and starts nothing more', async () => {
    const one = supervise();
    one.upstream.answers['initialize'] = () => undefined;
    const started = one.supervisor.start();
    await one.upstream.next('initialize');
    await one.supervisor[Symbol.asyncDispose]();
    await started;
    expect(one.upstream.last.disposed).toBe(true);
    expect(state(one)).toBe('stopped');
    await pass(10 * 60_000);
    expect(one.upstream.transports).toHaveLength(1);
    await expect(call(one)).rejects.toMatchObject({ code: 'shutting-down' });
  });

  it('that is closed fails the calls that wait for a start, and those under way', async () => {
    const one = supervise();
    one.upstream.answers['initialize'] = () => undefined;
    const waiting = call(one);
    waiting.catch(() => undefined);
    await one.upstream.next('initialize');
    await one.supervisor[Symbol.asyncDispose]();
    await expect(waiting).rejects.toMatchObject({ code: expect.stringMatching(/server-down|shutting-down/) });

    const two = supervise();
    const running = call(two);
    running.catch(() => undefined);
    await two.upstream.next('tools/call');
    await two.supervisor[Symbol.asyncDispose]();
    await expect(running).rejects.toMatchObject({ code: 'call-lost' });
  });

  it('starts anew on request, whatever state its server is in', async () => {
    const one = supervise();
    await one.supervisor.start();
    const first = one.upstream.last;
    await one.supervisor.restart();
    expect(first.disposed).toBe(true);
    expect(one.upstream.transports).toHaveLength(2);
    expect(one.supervisor.status()).toMatchObject({ state: 'ready', starts: 2 });

    const parked = broken(new UpstreamFailure('auth', 'HTTP 401', { status: 401 }));
    await parked.supervisor.start();
    expect(state(parked)).toBe('parked');
    parked.upstream.onOpen = () => undefined;
    await parked.supervisor.restart();
    expect(parked.supervisor.status()).toMatchObject({ state: 'ready', failures: 0 });
  });

  it('ends a start that hangs when it is told to start anew', async () => {
    const one = supervise();
    one.upstream.answers['initialize'] = () => undefined;
    const first = one.supervisor.start();
    await one.upstream.next('initialize');
    one.upstream.answers['initialize'] = () => ({ protocolVersion: '2025-11-25', capabilities: {} });
    await one.supervisor.restart();
    await first;
    expect(state(one)).toBe('ready');
    expect(one.upstream.transports.map((transport) => transport.disposed)).toEqual([true, false]);
  });

  it('has one start for those who call while the old one is being ended', async () => {
    const one = supervise();
    await one.supervisor.start();
    let end = (): void => undefined;
    const closing = vi.spyOn(one.upstream.last, Symbol.asyncDispose as never) as unknown as {
      mockImplementation: (work: () => Promise<void>) => void;
    };
    closing.mockImplementation(
      () =>
        new Promise((resolve) => {
          end = resolve;
        }),
    );
    const restarted = one.supervisor.restart();
    const answer = call(one);
    await pass(0);
    expect(one.upstream.transports, 'started beside the one that ends').toHaveLength(1);
    end();
    await restarted;
    (await one.upstream.next('tools/call')).result({});
    await answer;
    expect(one.supervisor.status().starts).toBe(2);
  });

  it('holds nothing of the connections that it gave up', async () => {
    const one = supervise();
    const signals = new Set<AbortSignal>();
    for (let at = 0; at < 3; at++) {
      await one.supervisor.restart();
      signals.add(one.upstream.last.events.signal);
    }
    expect(signals.size, 'a signal that outlives them keeps them alive').toBe(3);
  });
});
