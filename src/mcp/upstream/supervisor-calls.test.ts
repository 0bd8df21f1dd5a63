import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCaller } from '../../../test/support/engine/fake-caller.ts';
import { FakeError, type FakeRequest } from '../../../test/support/engine/fake-upstream.ts';
import { OPTIONS, supervise, type Supervised, target } from '../../../test/support/engine/supervised.ts';
import { verifies } from '../../../test/support/verifies.ts';
import type { CallTarget } from '../calls/target.ts';
import { UpstreamFailure } from './failure.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const CALL = 'tools/call';

function call(
  { supervisor }: Supervised,
  { caller = new FakeCaller(), ...more }: Partial<CallTarget> & { readonly caller?: FakeCaller } = {},
) {
  const outcome = supervisor.call(target(more), undefined, caller, OPTIONS);
  outcome.catch(() => undefined);
  return outcome;
}

const next = ({ upstream }: Supervised): Promise<FakeRequest> => upstream.next(CALL);

describe('a call to a server that is down', () => {
  it('wakes it at once, however long the next try is off', async () => {
    verifies('mcp:supervision', 'pain:09-retry-storms');
    const one = supervise();
    one.upstream.onOpen = () => new UpstreamFailure('spawn', 'no', { delivered: 'no' });
    await one.supervisor.start();
    for (let at = 0; at < 5; at++) await pass(17_000);
    expect(one.supervisor.status().state).toBe('parked');
    one.upstream.onOpen = () => undefined;
    const answer = call(one);
    (await next(one)).result({ content: [] });
    await answer;
    expect(one.supervisor.status().state).toBe('ready');
  });

  it('fails fast when the last start failed a moment ago, and says since when and why', async () => {
    const one = supervise();
    one.upstream.onOpen = () => new UpstreamFailure('spawn', 'no such program', { delivered: 'no' });
    const since = new Date().toISOString();
    await one.supervisor.start();
    const { starts } = one.supervisor.status();
    await expect(call(one)).rejects.toMatchObject({
      code: 'server-down',
      facts: { server: 's', state: 'down', since, reason: 'no such program.' },
    });
    expect(one.supervisor.status().starts).toBe(starts);
  });

  it('waits five seconds for one that failed before, and as long as a start may take for one that did not', async () => {
    const slow = supervise({ startTimeoutMs: 30_000 });
    slow.upstream.onOpen = () => new Promise(() => undefined);
    let ended = 0;
    void call(slow).catch(() => {
      ended = performance.now();
    });
    const began = performance.now();
    await pass(31_000);
    expect(ended - began).toBe(30_000);

    const again = supervise({ startTimeoutMs: 30_000 });
    again.upstream.onOpen = () => new UpstreamFailure('spawn', 'no');
    await again.supervisor.start();
    again.upstream.onOpen = () => new Promise(() => undefined);
    await pass(1_000);
    const asked = performance.now();
    void call(again).catch(() => {
      ended = performance.now();
    });
    await pass(31_000);
    expect(ended - asked).toBe(5_000);
  });

  it('shares one start with every other call', async () => {
    verifies('mcp:one-start');
    const one = supervise();
    const answers = Array.from({ length: 50 }, (_, at) =>
      call(one, { caller: new FakeCaller(`client ${at}`) }),
    );
    for (let at = 0; at < 50; at++) (await next(one)).result({ at });
    await Promise.all(answers);
    expect(one.upstream.transports).toHaveLength(1);
    expect(one.upstream.count('initialize')).toBe(1);
  });

  it('that is given up while it waits for the start is sent to nobody', async () => {
    const one = supervise();
    one.upstream.answers['initialize'] = () => undefined;
    const caller = new FakeCaller();
    const answer = call(one, { caller });
    const started = await one.upstream.next('initialize');
    caller.cancellation.cancel('the client went away');
    await expect(answer).rejects.toMatchObject({ code: 'client-gone' });
    started.result({ protocolVersion: '2025-11-25', capabilities: {} });
    await pass(0);
    expect(one.supervisor.status()).toMatchObject({ state: 'ready', inFlight: 0 });
    expect(one.upstream.count(CALL)).toBe(0);
  });
});

describe('a call whose server dies', () => {
  it('is sent again once when it may be done twice, and only once', async () => {
    verifies('mcp:repeat');
    const one = supervise();
    const answer = call(one, { repeatable: true });
    (await next(one)).transport.crash();
    const second = await next(one);
    expect(one.upstream.transports).toHaveLength(2);
    second.result({ content: [] });
    await expect(answer).resolves.toMatchObject({ reply: { kind: 'result' } });

    const twice = call(one, { repeatable: true });
    (await next(one)).transport.crash();
    (await next(one)).transport.crash('it exited again');
    await expect(twice).rejects.toMatchObject({ code: 'call-lost' });
    await pass(0);
    expect(one.upstream.count(CALL)).toBe(4);
  });

  it('is not sent again when it may have taken effect', async () => {
    verifies('mcp:repeat');
    const one = supervise();
    const answer = call(one);
    (await next(one)).transport.crash('it was killed');
    await expect(answer).rejects.toMatchObject({
      code: 'call-lost',
      message: expect.stringContaining('it was killed'),
    });
    await pass(10_000);
    expect(one.upstream.count(CALL)).toBe(1);
  });

  it('is sent again when it certainly never reached it, whatever it does', async () => {
    verifies('mcp:repeat');
    const one = supervise();
    const answer = call(one);
    (await next(one)).fail(new UpstreamFailure('connect', 'nothing listens there', { delivered: 'no' }));
    (await next(one)).result({});
    await answer;
    expect(one.upstream.transports).toHaveLength(2);
  });

  it('says that the server is down when it was not reached the second time either', async () => {
    const one = supervise();
    const answer = call(one);
    (await next(one)).fail(new UpstreamFailure('connect', 'nothing listens there', { delivered: 'no' }));
    (await next(one)).fail(new UpstreamFailure('connect', 'nothing listens there', { delivered: 'no' }));
    await expect(answer).rejects.toMatchObject({ code: 'server-down' });
  });

  it.each([
    ['auth', new UpstreamFailure('auth', 'HTTP 401', { status: 401 }), 'server-auth'],
    ['a status', new UpstreamFailure('status', 'HTTP 502', { status: 502 }), 'server-protocol'],
    ['nonsense', new UpstreamFailure('protocol', 'not JSON'), 'server-protocol'],
    ['too much', new UpstreamFailure('too-large', '64'), 'response-too-large'],
  ])('is not sent again for %s, which costs the connection nothing', async (_, failure, code) => {
    const one = supervise();
    const other = call(one);
    const otherAsked = await next(one);
    const answer = call(one, { repeatable: true });
    (await next(one)).fail(failure);
    await expect(answer).rejects.toMatchObject({ code });
    otherAsked.result({});
    await other;
    expect(one.upstream.transports).toHaveLength(1);
    expect(one.supervisor.status().state).toBe('ready');
  });
});

describe('a session that the server lost', () => {
  const lost = () => new UpstreamFailure('session-lost', 'HTTP 404', { delivered: 'no', status: 404 });

  it('is opened anew once for all calls that find out', async () => {
    verifies('mcp:lost-session');
    const one = supervise();
    one.upstream.kind = 'http';
    const answers = Array.from({ length: 20 }, (_, at) => call(one, { caller: new FakeCaller(`c${at}`) }));
    const asked: FakeRequest[] = [];
    for (let at = 0; at < 20; at++) asked.push(await next(one));
    for (const request of asked) request.fail(lost());
    for (let at = 0; at < 20; at++) (await next(one)).result({});
    await Promise.all(answers);
    expect(one.upstream.count('initialize')).toBe(2);
    expect(one.supervisor.status()).toMatchObject({ state: 'ready', failures: 0 });
  });

  it('still brings the answers of calls that were under way in it, and is then closed', async () => {
    verifies('mcp:lost-session');
    const one = supervise();
    one.upstream.kind = 'http';
    const early = call(one);
    const earlyAsked = await next(one);
    const late = call(one);
    (await next(one)).fail(lost());
    (await next(one)).result({ second: true });
    await late;
    expect(earlyAsked.transport).not.toBe(one.upstream.last);
    expect(earlyAsked.transport.disposed).toBe(false);
    earlyAsked.result({ first: true });
    await expect(early).resolves.toMatchObject({ reply: { kind: 'result' } });
    await pass(0);
    expect(earlyAsked.transport.disposed).toBe(true);
    expect(one.upstream.last.disposed).toBe(false);
  });

  it('leaves no call without a deadline', async () => {
    const one = supervise();
    one.upstream.kind = 'http';
    const early = call(one);
    const earlyAsked = await next(one);
    const late = call(one);
    (await next(one)).fail(lost());
    (await next(one)).result({});
    await late;
    await pass(OPTIONS.idleMs);
    one.supervisor.check(performance.now());
    await expect(early).rejects.toMatchObject({ code: 'call-timeout' });
    await pass(0);
    expect(earlyAsked.transport.disposed).toBe(true);
  });

  it('holds nobody up who closes the supervisor', async () => {
    const one = supervise();
    one.upstream.kind = 'http';
    const early = call(one);
    await next(one);
    const late = call(one);
    (await next(one)).fail(lost());
    (await next(one)).result({});
    await late;
    await one.supervisor[Symbol.asyncDispose]();
    await expect(early).rejects.toMatchObject({ code: 'call-lost' });
  });
});

describe('one request over HTTP that fails', () => {
  it.each([
    ['not reached', new UpstreamFailure('connect', 'nothing listens there', { delivered: 'no' })],
    ['reset', new UpstreamFailure('closed', 'it reset the connection')],
  ])('because it was %s costs the others nothing', async (_, failure) => {
    verifies('mcp:isolation-of-failure');
    const one = supervise();
    one.upstream.kind = 'http';
    const others = Array.from({ length: 3 }, () => call(one));
    const asked = [await next(one), await next(one), await next(one)];
    const answer = call(one, { repeatable: true });
    (await next(one)).fail(failure);
    (await next(one)).result({});
    await answer;
    for (const request of asked) request.result({});
    expect(await Promise.all(others)).toHaveLength(3);
  });
});

describe('a server that let a call time out', () => {
  const timedOut = async (one: Supervised): Promise<FakeRequest> => {
    const answer = call(one);
    const asked = await next(one);
    await pass(OPTIONS.idleMs);
    one.supervisor.check(performance.now());
    await expect(answer).rejects.toMatchObject({ code: 'call-timeout', facts: { seconds: '60' } });
    expect(asked.cancelled).toBeDefined();
    return asked;
  };

  it('is degraded, and ready again when it answers a ping, be it with an error', async () => {
    verifies('mcp:hung-server');
    const one = supervise();
    await timedOut(one);
    expect(one.supervisor.status().state).toBe('degraded');
    (await one.upstream.next('ping')).error(-32601);
    await pass(0);
    expect(one.supervisor.status()).toMatchObject({ state: 'ready', starts: 1 });
  });

  it('is started anew when it does not; calls under way fail, and the next one works', async () => {
    verifies('mcp:hung-server');
    const one = supervise();
    await timedOut(one);
    const stuck = call(one);
    const stuckAsked = await next(one);
    const ping = await one.upstream.next('ping');
    expect(ping.timeoutMs).toBeLessThanOrEqual(10_000);
    ping.fail(new UpstreamFailure('timeout', 'no answer'));
    await expect(stuck).rejects.toMatchObject({ code: 'call-lost' });
    expect(stuckAsked.transport.disposed).toBe(true);
    expect(one.supervisor.status()).toMatchObject({
      state: 'down',
      reason: 'it hangs: it answered neither a call nor a ping',
    });
    const answer = call(one);
    (await next(one)).result({});
    await answer;
    expect(one.supervisor.status()).toMatchObject({ state: 'ready', starts: 2 });
  });

  it('is asked once, however many calls time out', async () => {
    const one = supervise();
    for (let at = 0; at < 10; at++) void call(one);
    await next(one);
    await pass(OPTIONS.idleMs);
    one.supervisor.check(performance.now());
    await pass(0);
    expect(one.upstream.count('ping')).toBe(1);
  });

  it('of the stateless era is asked what every such server answers', async () => {
    const one = supervise();
    one.upstream.answers['server/discover'] = () => ({ supportedVersions: ['2026-07-28'], capabilities: {} });
    await timedOut(one);
    await pass(0);
    expect(one.upstream.count('server/discover')).toBe(2);
    expect(one.upstream.count('ping')).toBe(0);
    expect(one.supervisor.status().state).toBe('ready');
  });
});

describe('the bound of calls under way at one server', () => {
  it('lets others wait for their turn, and every turn comes', async () => {
    const one = supervise({ concurrency: 2 });
    const answers = Array.from({ length: 6 }, () => call(one));
    await next(one);
    expect(one.supervisor.status()).toMatchObject({ inFlight: 2, waiting: 4 });
    expect(one.upstream.count(CALL)).toBe(2);
    one.upstream.requests.find(({ method }) => method === CALL)!.result({});
    await next(one);
    for (let at = 0; at < 4; at++) (await next(one)).result({});
    one.upstream.requests.filter(({ method }) => method === CALL)[1]!.result({});
    await Promise.all(answers);
    expect(one.supervisor.status()).toMatchObject({ inFlight: 0, waiting: 0 });
  });

  it('gives up who waits too long, and says how many there are', async () => {
    const one = supervise({ concurrency: 1 });
    const first = call(one);
    const asked = await next(one);
    const second = call(one);
    await pass(OPTIONS.totalMs);
    await expect(second).rejects.toMatchObject({ code: 'server-busy', facts: { max: 1 } });
    asked.result({});
    await first;
    expect(one.supervisor.status().inFlight).toBe(0);
  });
});

describe('the lists of a server', () => {
  it('are read again when it says that they changed, and what reading them again came to is kept', async () => {
    const one = supervise();
    await one.supervisor.start();
    one.upstream.answers['tools/list'] = () => ({ tools: [{ name: 'x' }, { name: 'y' }] });
    one.upstream.last.say({ method: 'notifications/tools/list_changed' });
    await pass(0);
    expect(one.catalog.get('s')?.tools.map((tool) => tool.originalName)).toEqual(['x', 'y']);
    one.upstream.answers['tools/list'] = () => new FakeError(-32603);
    one.upstream.last.say({ method: 'notifications/tools/list_changed' });
    await pass(1_000);
    expect(one.catalog.get('s')?.tools).toHaveLength(2);
    expect(one.supervisor.status().state).toBe('ready');
    expect(one.logged.some(({ message }) => message.includes('could not be read again'))).toBe(true);
  });

  it('stay when the server goes', async () => {
    const one = supervise();
    await one.supervisor.start();
    one.upstream.last.crash();
    expect(one.supervisor.status()).toMatchObject({ state: 'down', tools: 1 });
  });
});
