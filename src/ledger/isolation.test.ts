import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { callEnd, callStart } from '../../test/support/ledger-fakes.ts';
import { systemClock } from '../core/clock.ts';
import type { LedgerStore } from '../store/store-ports.ts';
import type { LedgerRecord } from '../store/call-records.ts';
import { silentLog } from '../telemetry/log.ts';
import { createLedger } from './ledger.ts';

/** A store that is away for its first appends and, as the real ones do, has nothing to put an end to before the start is there. */
class LateStore implements LedgerStore {
  readonly isChained = true;
  readonly calls = new Map<string, 'open' | 'ended'>();
  away: number;

  constructor(away: number) {
    this.away = away;
  }

  append(records: readonly LedgerRecord[]): Promise<void> {
    if (this.away-- > 0) return Promise.reject(new Error('connection refused'));
    for (const { phase, id = '' } of records) {
      if (phase === 'received') this.calls.set(id, this.calls.get(id) ?? 'open');
      else if (this.calls.has(id)) this.calls.set(id, 'ended');
    }
    return Promise.resolve();
  }

  recent(): Promise<[]> {
    return Promise.resolve([]);
  }

  accepts(): Promise<void> {
    return this.away-- > 0 ? Promise.reject(new Error('connection refused')) : Promise.resolve();
  }

  tip(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  beat(): Promise<void> {
    return Promise.resolve();
  }

  orphans(): Promise<[]> {
    return Promise.resolve([]);
  }

  close(): Promise<number> {
    return Promise.resolve(0);
  }
}

it('a store that comes back while single records are tried has every end of every start, whenever it comes', async () => {
  for (let away = 1; away <= 14; away++) {
    const folder = await mkdtemp(join(tmpdir(), 'isolation-'));
    const store = new LateStore(away);
    const ledger = await createLedger({ store, folder, writer: 'w', clock: systemClock, log: silentLog });
    for (const id of ['a', 'b', 'c', 'd']) {
      await ledger.begin(callStart(id));
      ledger.end(callEnd(id));
    }
    while (store.away >= 0) await ledger.flush(AbortSignal.timeout(10)).catch(() => undefined);
    await ledger.flush();
    await ledger[Symbol.asyncDispose]();
    expect(
      [...store.calls].sort(([a], [b]) => (a < b ? -1 : 1)),
      `away for ${away}`,
    ).toEqual(['a', 'b', 'c', 'd'].map((id) => [id, 'ended']));
    await rm(folder, { recursive: true });
  }
}, 60_000);

/** A store that refuses one call, and takes a while for each record that it is asked about. */
class SlowStore extends LateStore {
  readonly #bad: string;
  readonly #took: () => void;

  constructor(bad: string, took: () => void) {
    super(0);
    this.#bad = bad;
    this.#took = took;
  }

  override append(records: readonly LedgerRecord[]): Promise<void> {
    return this.#refuse(records) ?? super.append(records);
  }

  override accepts(...records: readonly LedgerRecord[]): Promise<void> {
    this.#took();
    return this.#refuse(records) ?? Promise.resolve();
  }

  #refuse(records: readonly LedgerRecord[]): Promise<never> | undefined {
    const isBad = records.some(({ phase, id }) => phase === 'received' && id === this.#bad);
    return isBad ? Promise.reject(new Error('value out of range')) : undefined;
  }
}

it('one bad record among very many is found, although the store takes its time for each', async () => {
  const TRIAL_MS = 50;
  const CALLS = 1_200;
  const folder = await mkdtemp(join(tmpdir(), 'isolation-'));
  let tookMs = 0;
  const store = new SlowStore(`call-${CALLS - 300}`, () => (tookMs += TRIAL_MS));
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + tookMs };
  const ledger = await createLedger({ store, folder, writer: 'w', clock, log: silentLog });
  const ids = Array.from({ length: CALLS }, (_, at) => `call-${at}`);
  store.away = Number.POSITIVE_INFINITY;
  await Promise.all(ids.map((id) => ledger.begin(callStart(id))));
  store.away = 0;
  for (let failed = true; failed; )
    failed = await ledger.flush(AbortSignal.timeout(1_000)).then(
      () => false,
      () => true,
    );
  await ledger[Symbol.asyncDispose]();
  expect(tookMs).toBeGreaterThan(30_000);
  expect(store.calls.size).toBe(CALLS - 1);
  await rm(folder, { recursive: true });
}, 60_000);
