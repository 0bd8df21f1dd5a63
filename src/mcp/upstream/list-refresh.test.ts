import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ListRefresh } from './list-refresh.ts';

/** A refresh whose readings the test ends. */
function refreshed() {
  const readings: { end: () => void; fail: (error: Error) => void }[] = [];
  const failures: unknown[] = [];
  const clock = { now: 0 };
  const refresh = new ListRefresh(
    () => new Promise((end, fail) => readings.push({ end, fail })),
    (error) => failures.push(error),
    () => clock.now,
  );
  return { readings, failures, clock, refresh };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const settle = () => vi.advanceTimersByTimeAsync(0);
/** Between two readings. */
const pause = () => vi.advanceTimersByTimeAsync(1_000);

describe('reading lists again', () => {
  it('happens once at a time, and once more, a second later, when something was said meanwhile', async () => {
    const { readings, refresh } = refreshed();
    refresh.soon();
    for (let at = 0; at < 5; at++) refresh.soon();
    expect(readings).toHaveLength(1);
    readings[0]!.end();
    await settle();
    expect(readings).toHaveLength(1);
    await pause();
    expect(readings).toHaveLength(2);
    readings[1]!.end();
    await settle();
    await pause();
    expect(readings).toHaveLength(2);
    refresh.soon();
    expect(readings).toHaveLength(3);
  });

  it('happens once a second for a server that says so a thousand times a second', async () => {
    const { readings, refresh } = refreshed();
    for (let ms = 0; ms < 5_000; ms++) {
      refresh.soon();
      for (const reading of readings) reading.end();
      await vi.advanceTimersByTimeAsync(1);
    }
    // The first at once.
    expect(readings).toHaveLength(6);
  });

  it('that failed is reported, and does not keep the next one from happening', async () => {
    const { readings, failures, refresh } = refreshed();
    refresh.soon();
    readings[0]!.fail(new Error('gone'));
    await settle();
    expect(failures).toMatchObject([{ message: 'gone' }]);
    refresh.soon();
    await pause();
    expect(readings).toHaveLength(2);
  });

  it('happens when they hold no longer, and not before', () => {
    const { readings, clock, refresh } = refreshed();
    refresh.ifStale();
    refresh.validFor(1_000);
    clock.now = 1_000;
    refresh.ifStale();
    expect(readings).toHaveLength(0);
    clock.now = 1_001;
    refresh.ifStale();
    expect(readings).toHaveLength(1);
  });

  it('never happens by itself for a server that names no time', () => {
    const { readings, clock, refresh } = refreshed();
    for (const ttlMs of [undefined, 0]) {
      refresh.validFor(5);
      refresh.validFor(ttlMs);
      clock.now += 1_000_000;
      refresh.ifStale();
    }
    expect(readings).toHaveLength(0);
  });

  it('is not asked for twice by those who find the lists stale while they are being read', async () => {
    const { readings, clock, refresh } = refreshed();
    refresh.validFor(1_000);
    clock.now = 2_000;
    for (let at = 0; at < 10; at++) refresh.ifStale();
    refresh.validFor(1_000);
    readings[0]!.end();
    await settle();
    expect(readings).toHaveLength(1);
  });
});
