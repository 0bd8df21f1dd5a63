import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Cancellation } from '../../../core/cancellation.ts';
import { requestMessage } from '../../wire/compose.ts';
import type { TransportEvents } from '../transport.ts';
import { InProcessTransport } from './in-process.ts';

/** Counts who waits for the end of a call. */
class Counted extends Cancellation {
  listeners = 0;
  override on(listener: (reason: string) => void): void {
    this.listeners++;
    super.on(listener);
  }
  override off(listener: (reason: string) => void): void {
    this.listeners--;
    super.off(listener);
  }
}

function opened(handle: (signal: AbortSignal) => Promise<Uint8Array | undefined>) {
  const owner = new AbortController();
  const signals: AbortSignal[] = [];
  const ends = { count: 0 };
  const events: TransportEvents = {
    signal: owner.signal,
    onNotification: () => undefined,
    onRequest: () => undefined,
    onClosed: () => undefined,
    onOddity: () => undefined,
  };
  const transport = new InProcessTransport(
    {
      handle: (_message, signal) => {
        signals.push(signal);
        return handle(signal);
      },
      [Symbol.asyncDispose]: () => {
        ends.count++;
        return Promise.resolve();
      },
    },
    events,
  );
  const ask = (cancellation: Cancellation, timeoutMs = 60_000) =>
    transport.request({
      id: 1,
      method: 'tools/call',
      message: requestMessage(1, 'tools/call', undefined),
      headers: [],
      timeoutMs,
      cancellation,
    });
  return { owner, transport, signals, ends, ask };
}

const ANSWER = Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}');
const listenersOf = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('a server inside this process', () => {
  it('leaves no listener behind, however its requests end', async () => {
    let fail = false;
    const one = opened(() => (fail ? Promise.reject(new Error('broken')) : Promise.resolve(ANSWER)));
    const cancellation = new Counted();
    for (let at = 0; at < 100; at++) {
      fail = at % 2 === 1;
      await one.ask(cancellation).catch(() => undefined);
    }
    expect(cancellation.listeners).toBe(0);
    expect(listenersOf(one.owner.signal)).toBe(1);
    await one.transport[Symbol.asyncDispose]();
    expect(listenersOf(one.owner.signal)).toBe(0);
    expect(one.ends.count).toBe(1);
  });

  it('is told that a request is given up: cancelled, timed out, or because it ends itself', async () => {
    const never = opened(() => new Promise(() => undefined));
    const cancellation = new Counted();
    const cancelled = never.ask(cancellation);
    cancellation.cancel('no longer wanted');
    await expect(cancelled).rejects.toMatchObject({ kind: 'cancelled' });
    await expect(never.ask(new Cancellation(), 1)).rejects.toMatchObject({ kind: 'timeout' });
    const last = never.ask(new Cancellation());
    never.owner.abort();
    await expect(last).rejects.toMatchObject({ kind: 'stopped' });
    expect(never.signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    expect(listenersOf(never.owner.signal)).toBe(0);
    expect(never.ends.count).toBe(1);
  });
});

it('that cannot be closed says so to whoever disposes of it, also when its owner has ended it before', async () => {
  const owner = new AbortController();
  const nothing = (): undefined => undefined;
  const transport = new InProcessTransport(
    {
      handle: () => Promise.resolve(undefined),
      [Symbol.asyncDispose]: () => Promise.reject(new Error('its pool does not end')),
    },
    {
      signal: owner.signal,
      onNotification: nothing,
      onRequest: nothing,
      onClosed: nothing,
      onOddity: nothing,
    },
  );
  owner.abort();
  await expect(transport[Symbol.asyncDispose]()).rejects.toThrow('its pool does not end');
});
