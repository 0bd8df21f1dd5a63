import { describe, expect, it } from 'vitest';
import { connected, type TestConnection } from '../../../test/support/engine/connected.ts';
import { ALL_CAPABILITIES, FakeCaller } from '../../../test/support/engine/fake-caller.ts';
import type { FakeRequest } from '../../../test/support/engine/fake-upstream.ts';
import { OPTIONS, target } from '../../../test/support/engine/supervised.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { scanObject } from '../../core/json-scan.ts';
import { UpstreamFailure } from './failure.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

async function begin(
  { connection, upstream }: TestConnection,
  caller: FakeCaller,
  params?: Readonly<Record<string, unknown>>,
): Promise<{ readonly asked: FakeRequest; readonly outcome: Promise<unknown> }> {
  const object = params === undefined ? undefined : scanObject(Buffer.from(JSON.stringify(params)), 3);
  const outcome = connection.call(target(), object, caller, OPTIONS);
  outcome.catch(() => undefined);
  return { asked: await upstream.next('tools/call'), outcome };
}

describe('progress', () => {
  it('comes to the call whose token it is, under the token of its client, and only to who asked for it', async () => {
    verifies('mcp:attribution');
    const one = connected();
    const callers = ['"a-1"', '"a-1"', '7', undefined].map((token, at) => {
      const caller = new FakeCaller(`client ${at}`);
      caller.progressToken = token === undefined ? undefined : Buffer.from(token);
      return caller;
    });
    const calls: FakeRequest[] = [];
    for (const caller of callers)
      calls.push((await begin(one, caller, { _meta: { progressToken: 'theirs' } })).asked);
    const tokens = calls.map(
      ({ params }) => (params['_meta'] as Record<string, unknown> | undefined)?.['progressToken'],
    );
    expect(tokens).toEqual([1, 2, 3, undefined]);
    for (const [at, token] of [...tokens.entries()].reverse())
      one.transport.say({
        method: 'notifications/progress',
        params: { progressToken: token ?? 4, progress: at, message: 'ü', future: [1] },
      });
    expect(callers.map(({ told }) => told)).toEqual(
      ['a-1', 'a-1', 7]
        .map((progressToken, progress) => [
          {
            jsonrpc: '2.0',
            method: 'notifications/progress',
            params: { progressToken, progress, message: 'ü', future: [1] },
          },
        ])
        .concat([[]]),
    );
  });

  it('puts off the end of its call alone, and of a call that is over is told to nobody', async () => {
    const one = connected();
    const [slow, silent] = [new FakeCaller('slow'), new FakeCaller('silent')];
    slow.progressToken = Buffer.from('1');
    const slowCall = await begin(one, slow);
    const silentCall = await begin(one, silent);
    one.clock.now = 50_000;
    one.transport.say({ method: 'notifications/progress', params: { progressToken: slowCall.asked.id } });
    one.connection.check(70_000);
    await expect(silentCall.outcome).rejects.toMatchObject({
      kind: 'timeout',
      message: 'no answer within 60 s',
    });
    expect(silentCall.asked.cancelled).toBeDefined();
    expect(slowCall.asked.cancelled).toBeUndefined();
    slowCall.asked.result({});
    await slowCall.outcome;
    const told = slow.told.length;
    one.transport.say({ method: 'notifications/progress', params: { progressToken: slowCall.asked.id } });
    one.transport.say({ method: 'notifications/progress', params: { progressToken: null } });
    one.transport.say({ method: 'notifications/progress', params: {} });
    expect(slow.told).toHaveLength(told);
  });
});

describe('log messages', () => {
  const log = (level: string, data: string) => ({ method: 'notifications/message', params: { level, data } });

  it('are told from the level that the client wants, and to the only client whose call is under way', async () => {
    verifies('mcp:attribution');
    const one = connected();
    const caller = new FakeCaller();
    caller.logLevel = 'warning';
    await begin(one, caller);
    for (const level of ['debug', 'info', 'notice', 'warning', 'error', 'emergency', 'unheard-of'])
      one.transport.say(log(level, level));
    expect(caller.told.map(({ params }) => (params as { data: string }).data)).toEqual([
      'warning',
      'error',
      'emergency',
    ]);
  });

  it('on the stream of one call are that call’s, whoever else calls', async () => {
    verifies('mcp:attribution');
    const one = connected({ kind: 'http' });
    const [a, b] = [new FakeCaller('a'), new FakeCaller('b')];
    a.logLevel = b.logLevel = 'debug';
    const { asked } = await begin(one, a);
    await begin(one, b);
    asked.related(log('info', 'for a'));
    one.transport.say(log('info', 'for whom?'));
    expect(a.told).toHaveLength(1);
    expect(b.told).toEqual([]);
  });

  it('between calls are told to the only client that ever used the connection, and after a second one to nobody', async () => {
    verifies('mcp:attribution');
    const one = connected();
    const [a, b] = [new FakeCaller('a'), new FakeCaller('b')];
    a.logLevel = b.logLevel = 'debug';
    for (let at = 0; at < 2; at++) {
      const { asked, outcome } = await begin(one, a);
      asked.result({});
      await outcome;
    }
    one.transport.say(log('info', 'stray'));
    expect([a.told, a.heardLate.length]).toEqual([[], 1]);
    const second = await begin(one, b);
    second.asked.result({});
    await second.outcome;
    one.transport.say(log('info', 'stray'));
    expect([a, b].map(({ told, heardLate }) => told.length + heardLate.length)).toEqual([1, 0]);
  });

  it.each([
    ['in a session', false],
    ['without one', true],
  ])('over HTTP may be about a call %s that was answered a moment ago', async (_text, isLone) => {
    verifies('mcp:attribution');
    const one = connected({ kind: 'http' });
    const [a, b] = [new FakeCaller('a'), new FakeCaller('b')];
    b.logLevel = 'debug';
    if (isLone) a.conversation = a;
    const { asked, outcome } = await begin(one, a);
    await begin(one, b);
    asked.result({});
    await outcome;
    one.clock.now = 999;
    one.transport.say(log('info', 'for whom?'));
    expect(b.told).toEqual([]);
    one.clock.now = 1_000;
    one.transport.say(log('info', 'for b'));
    expect(b.told).toHaveLength(1);
  });

  it('are told to nobody who wants none', async () => {
    const one = connected();
    const caller = new FakeCaller();
    await begin(one, caller);
    one.transport.say(log('emergency', 'x'));
    expect(caller.told).toEqual([]);
  });

  it('of a legacy server are asked for at the least severe level that anybody wants', async () => {
    const one = connected();
    for (const level of ['error', 'warning', 'error', 'debug', 'info'] as const) {
      const caller = new FakeCaller(level);
      caller.logLevel = level;
      await begin(one, caller);
    }
    expect(
      one.upstream.requests.filter(({ method }) => method === 'logging/setLevel').map(({ params }) => params),
    ).toEqual([{ level: 'error' }, { level: 'warning' }, { level: 'debug' }]);
  });

  it('are not asked of a server that has none, nor of a modern one but with the call', async () => {
    for (const one of [connected({ capabilities: { tools: {} } }), connected({ era: 'modern' })]) {
      const caller = new FakeCaller();
      caller.logLevel = 'debug';
      await begin(one, caller);
      expect(one.upstream.count('logging/setLevel')).toBe(0);
    }
  });
});

describe('a call', () => {
  it('to a modern server carries what its client can do, and to a legacy one nothing of it', async () => {
    const caller = new FakeCaller('a', ALL_CAPABILITIES);
    caller.logLevel = 'info';
    const modern = await begin(connected({ era: 'modern' }), caller);
    expect(modern.asked.params['_meta']).toEqual({
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'lanport', version: '0' },
      'io.modelcontextprotocol/clientCapabilities': ALL_CAPABILITIES,
      'io.modelcontextprotocol/logLevel': 'info',
    });
    expect(modern.asked.headers).toEqual([
      ['MCP-Protocol-Version', '2026-07-28'],
      ['Mcp-Method', 'tools/call'],
      ['Mcp-Name', 'x'],
    ]);
    const legacy = await begin(connected(), caller);
    expect(legacy.asked.params).toEqual({ name: 'x' });
    expect(legacy.asked.headers).toEqual([['MCP-Protocol-Version', '2025-11-25']]);
  });

  it('that its client gives up is given up upstream', async () => {
    const one = connected();
    const caller = new FakeCaller();
    const { asked, outcome } = await begin(one, caller);
    caller.cancellation.cancel('no longer wanted');
    await expect(outcome).rejects.toMatchObject({ kind: 'cancelled' });
    expect(asked.cancelled).toBe('no longer wanted');
    expect(one.connection.inFlight).toBe(0);
  });

  it('counts until it is over, however it ends', async () => {
    const one = connected();
    const first = await begin(one, new FakeCaller());
    const second = await begin(one, new FakeCaller());
    let idle = false;
    void one.connection.idle().then(() => {
      idle = true;
    });
    first.asked.result({});
    await first.outcome;
    await settle();
    expect(idle).toBe(false);
    second.asked.fail(new UpstreamFailure('closed', 'gone'));
    await settle();
    expect(idle).toBe(true);
    await one.connection.idle();
  });
});

describe('what a server says of its lists and resources', () => {
  it('is told to the owner of the connection', () => {
    const one = connected();
    for (const list of ['tools', 'prompts', 'resources'])
      one.transport.say({ method: `notifications/${list}/list_changed` });
    one.transport.say({ method: 'notifications/resources/updated', params: { uri: 'file:///a' } });
    one.transport.say({ method: 'notifications/resources/updated', params: { uri: 1 } });
    expect(one.heard).toMatchObject({ lists: ['tools', 'prompts', 'resources'], resources: ['file:///a'] });
  });

  it('in words that nobody knows is told to the only client whose call is under way', async () => {
    verifies('mcp:attribution');
    const one = connected();
    const [a, b] = [new FakeCaller('a'), new FakeCaller('b')];
    await begin(one, a);
    one.transport.say({ method: 'notifications/x-new', params: { n: 1 } });
    await begin(one, b);
    one.transport.say({ method: 'notifications/x-new', params: { n: 2 } });
    expect(a.told).toEqual([{ jsonrpc: '2.0', method: 'notifications/x-new', params: { n: 1 } }]);
    expect(b.told).toEqual([]);
  });
});
