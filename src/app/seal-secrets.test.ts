import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { verifies } from '../../test/support/verifies.ts';
import { createSeal, type Seal } from '../core/seal.ts';
import type { InstanceSecrets } from '../store/store-ports.ts';
import { silentLog } from '../telemetry/log.ts';
import { openSealSecrets, type SealSecrets } from './seal-secrets.ts';

const HOUR_MS = 60 * 60_000;
const at = (text: string): number => Date.parse(text);

let now: number;
let isStoreDown = false;
const asked = new Set<string>();
const clock = { now: () => now, monotonicMs: () => now };
/** A store that several processes share: what a name stands for depends on nothing but the name. */
const store: InstanceSecrets = {
  getOrCreate: (name, bytes) => {
    if (isStoreDown) return Promise.reject(new Error('the store is down'));
    asked.add(name);
    return Promise.resolve(createHash('sha256').update(name).digest().subarray(0, bytes));
  },
};
const opened: SealSecrets[] = [];

/** A gateway's seal, opened at a moment. */
async function sealAt(moment: string): Promise<Seal> {
  now = at(moment);
  const secrets = await openSealSecrets(store, clock, silentLog);
  opened.push(secrets);
  return createSeal(() => secrets.secrets, 'mcp-session');
}

/** Lets time go by up to a moment; whatever is due meanwhile happens. */
async function until(moment: string): Promise<void> {
  now = at(moment);
  await vi.advanceTimersByTimeAsync(HOUR_MS);
}

beforeEach(() => {
  vi.useFakeTimers();
  isStoreDown = false;
  asked.clear();
});
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
  vi.useRealTimers();
});

describe('a session id', () => {
  it('opens all through its month and the next one, and no longer', async () => {
    verifies('mcp:key-rotation');
    const seal = await sealAt('2026-01-31T12:00:00Z');
    const token = seal.seal('session');
    for (const moment of ['2026-01-31T23:59:59Z', '2026-02-01T00:00:00Z', '2026-02-28T23:59:59Z']) {
      await until(moment);
      expect(seal.open(token), moment).toBe('session');
      expect((await sealAt(moment)).open(token), `of a process started at ${moment}`).toBe('session');
    }
    await until('2026-03-01T00:00:00Z');
    expect(seal.open(token)).toBeUndefined();
    expect((await sealAt('2026-03-01T00:00:00Z')).open(token)).toBeUndefined();
  });

  it('of a process whose month has begun already opens in one whose has not', async () => {
    verifies('mcp:key-rotation');
    const ahead = await sealAt('2027-01-01T00:00:01Z');
    const token = ahead.seal('session');
    const behind = await sealAt('2026-12-31T23:59:59Z');
    expect(behind.open(token)).toBe('session');
    expect(ahead.open(behind.seal('other'))).toBe('other');
  });

  it('is sealed with the new secret within the hour after a month began', async () => {
    verifies('mcp:key-rotation');
    const seal = await sealAt('2026-01-31T23:30:00Z');
    await until('2026-02-01T00:30:00Z');
    const token = seal.seal('session');
    expect((await sealAt('2026-03-31T00:00:00Z')).open(token)).toBe('session');
    expect([...asked].sort()).toEqual(
      ['2025-12', '2026-01', '2026-02', '2026-03', '2026-04'].map((m) => `seal-${m}`),
    );
  });

  it('goes on opening while the store is down over the change of the month', async () => {
    verifies('mcp:key-rotation');
    const seal = await sealAt('2026-01-31T23:30:00Z');
    const token = seal.seal('session');
    isStoreDown = true;
    await until('2026-02-01T00:30:00Z');
    expect(seal.open(token)).toBe('session');
    const late = seal.seal('late');
    isStoreDown = false;
    await until('2026-02-01T01:30:00Z');
    expect(seal.open(late)).toBe('late');
  });
});
