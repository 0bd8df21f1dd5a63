import { expect, it, vi } from 'vitest';
import { Watchdog } from './watchdog.ts';

it('lets through what is in time, however much there is of it, and gives up what is not', async () => {
  vi.useFakeTimers();
  try {
    const watchdog = new Watchdog(100, 'writing');
    const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);
    // Each has the whole time, although all together take longer.
    for (let at = 0; at < 5; at++) {
      const one = Promise.withResolvers<number>();
      const watched = watchdog.watch(one.promise);
      await vi.advanceTimersByTimeAsync(99);
      one.resolve(at);
      expect(await watched).toBe(at);
    }
    await expect(watchdog.watch(Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
    // Nothing is under way when the time is over.
    await vi.advanceTimersByTimeAsync(500);
    const slow = Promise.withResolvers<void>();
    const outcome = watchdog.watch(slow.promise).catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(99);
    await settle();
    await vi.advanceTimersByTimeAsync(1);
    expect(await outcome).toBe('writing took longer than 100 ms');
    // What ends too late does no harm to the next one.
    const next = watchdog.watch(new Promise(() => undefined)).catch((error: Error) => error.message);
    slow.resolve();
    await settle();
    await vi.advanceTimersByTimeAsync(100);
    expect(await next).toBe('writing took longer than 100 ms');
  } finally {
    vi.useRealTimers();
  }
});
