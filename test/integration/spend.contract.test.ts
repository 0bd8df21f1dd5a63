import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIdSource } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import { openStore, type StoreMode } from '../../src/store/open-store.ts';
import type { Store, Usage } from '../../src/store/store-ports.ts';
import type { CallEnd, CallStart, LedgerRecord } from '../../src/store/call-records.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { callEnd, callStart, closeOrphans } from '../support/ledger-fakes.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const newId = createIdSource();
const HOUR = 3_600_000;
/** 13:00 in UTC. */
const NOON = Date.UTC(2026, 10, 20, 13);

let folder: string;
let postgres: TestPostgres;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-spend-'));
  postgres = await startTestPostgres();
}, 60_000);
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const MODES: readonly (readonly [StoreMode['kind'], (name: string) => Promise<StoreMode>])[] = [
  ['external', async () => ({ kind: 'external', url: new Secret(await postgres.createDatabase()) })],
  ['none', (name) => Promise.resolve({ kind: 'none', dataFolder: join(folder, name) })],
];

let seq = 0;
const received = (start: CallStart, writer = 'w1'): LedgerRecord => ({
  phase: 'received',
  writer,
  seq: ++seq,
  start,
});
const ended = (end: CallEnd, writer = 'w1'): LedgerRecord => ({ phase: 'ended', writer, seq: ++seq, end });

/** A call with its end, at a moment. */
function call(startedAt: number, start: Partial<CallStart>, end: Partial<CallEnd> = {}): LedgerRecord[] {
  const id = newId();
  return [
    received(callStart(id, { startedAt, ...start })),
    ended(callEnd(id, { endedAt: startedAt, ...end })),
  ];
}

const used = (requests: number, failures = 0, cost = 0, promptTokens = 0, completionTokens = 0): Usage => ({
  requests,
  failures,
  promptTokens,
  completionTokens,
  cost,
});

describe.each(MODES)('the use of the %s store', (_kind, modeOf) => {
  const opened: Store[] = [];
  const open = async (name: string): Promise<Store> => {
    const { store } = await openStore(await modeOf(name), silentLog);
    opened.push(store);
    return store;
  };
  afterAll(async () => {
    for (const store of opened) await store[Symbol.asyncDispose]();
  });

  it('is told of each account since any moment, to the millisecond', async () => {
    const { ledger, spend } = await open('since');
    const mine = { keyId: 'k1', user: 'ann', team: 'red', server: 'db' };
    await ledger.append([
      ...call(NOON - 1, mine, { cost: 100 }),
      ...call(NOON, mine, { cost: 1, promptTokens: 3, completionTokens: 4 }),
      ...call(NOON + 10_000, mine, { status: 'timeout' }),
      ...call(NOON + 10_001, mine, { cost: 0.000000000123 }),
      ...call(
        NOON + 5 * HOUR,
        { ...mine, kind: 'llm', server: undefined, model: 'gpt' },
        { cost: 2, deployment: 'd' },
      ),
      ...call(NOON + 5 * HOUR, { keyId: 'k2', user: 'ann' }, { cost: 4 }),
    ]);
    expect(await spend.spentSince('key', 'k1', NOON)).toEqual(used(4, 1, 3.000000000123, 3, 4));
    expect(await spend.spentSince('key', 'k1', NOON + 1)).toEqual(used(3, 1, 2.000000000123));
    expect(await spend.spentSince('key', 'k1', NOON + 10_001)).toEqual(used(2, 0, 2.000000000123));
    expect(await spend.spentSince('key', 'k1', NOON + HOUR)).toEqual(used(1, 0, 2));
    expect(await spend.spentSince('key', 'k1', NOON + 6 * HOUR)).toEqual(used(0));
    expect(await spend.spentSince('user', 'ann', NOON + 10_001)).toEqual(used(3, 0, 6.000000000123));
    expect(await spend.spentSince('team', 'red', 0)).toEqual(used(5, 1, 103.000000000123, 3, 4));
    expect(await spend.spentSince('model', 'gpt', NOON + 4 * HOUR + 7)).toEqual(used(1, 0, 2));
    expect(await spend.spentSince('server', 'db', NOON + 1)).toEqual(used(3, 1, 4.000000000123));
    expect(await spend.spentSince('key', 'nobody', 0)).toEqual(used(0));
  });

  it('is told by the tags of calls and by key, each call once', async () => {
    verifies('ledger:litellm-logs');
    const { ledger, spend } = await open('tags');
    const tagged = (keyId: string, ...tags: string[]): Partial<CallStart> => ({
      keyId,
      tags: JSON.stringify(tags),
    });
    await ledger.append([
      ...call(NOON, tagged('k1', 'a', 'b', 'a'), { cost: 1 }),
      ...call(NOON + 1, tagged('k1', 'a'), { cost: 2 }),
      ...call(NOON + 1, tagged('k2', 'a'), { cost: 4 }),
      ...call(NOON + 2, tagged('k1', 'a'), { cost: 100 }),
      ...call(NOON + 1, { keyId: 'k1' }, { cost: 100 }),
      ...call(NOON + 1, { ...tagged('k1', 'a'), kind: 'admin' }, { cost: 100 }),
      received(callStart(newId(), { startedAt: NOON, ...tagged('k1', 'a') })),
    ]);
    expect(await spend.byTag({ from: NOON, to: NOON + 2 })).toEqual([
      { tag: 'a', key: 'k1', requests: 2, cost: 3 },
      { tag: 'a', key: 'k2', requests: 1, cost: 4 },
      { tag: 'b', key: 'k1', requests: 1, cost: 1 },
    ]);
  });

  it('is grouped, filtered and paged, and a name that nothing answered to is no group', async () => {
    const { ledger, spend } = await open('groups');
    const day = 24 * HOUR;
    const llm = { kind: 'llm', server: undefined, originalName: undefined } as const;
    await ledger.append([
      ...call(NOON, { keyId: 'a', originalName: 'x' }, { cost: 1 }),
      ...call(NOON + 1, { keyId: 'b', originalName: 'y' }, { cost: 2 }),
      ...call(NOON + day, { keyId: 'a', originalName: 'y' }, { cost: 4 }),
      ...call(NOON + day, { ...llm, keyId: 'B', model: 'made up' }, { status: 'error' }),
      ...call(NOON + day, { ...llm, keyId: 'B', model: 'gpt' }, { cost: 8, deployment: 'd1' }),
    ]);
    const all = { from: NOON, to: NOON + 2 * day };
    const rows = await spend.usage({ ...all, groupBy: ['day', 'key'] });
    expect(rows.map(({ group, cost }) => [group.day, group.key, cost])).toEqual([
      ['2026-11-20', 'a', 1],
      ['2026-11-20', 'b', 2],
      ['2026-11-21', 'B', 8],
      ['2026-11-21', 'a', 4],
    ]);
    const second = { ...all, groupBy: ['day', 'key'], after: rows[1]!.group, limit: 1 } as const;
    expect(await spend.usage(second)).toEqual([rows[2]]);
    expect(await spend.usage({ ...all, groupBy: ['tool'], filter: { kind: 'mcp' } })).toEqual([
      { group: { tool: 'x' }, ...used(1, 0, 1) },
      { group: { tool: 'y' }, ...used(2, 0, 6) },
    ]);
    expect(await spend.usage({ ...all, groupBy: ['model', 'deployment'], filter: { kind: 'llm' } })).toEqual([
      { group: { model: '', deployment: '' }, ...used(1, 1) },
      { group: { model: 'gpt', deployment: 'd1' }, ...used(1, 0, 8) },
    ]);
    expect(await spend.usage({ from: NOON, to: NOON + 1, groupBy: ['hour'] })).toEqual([
      { group: { hour: '2026-11-20T13:00:00Z' }, ...used(1, 0, 1) },
    ]);
    expect(await spend.usage({ ...all, groupBy: [], filter: { user: 'nobody' } })).toEqual([
      { group: {}, ...used(0) },
    ]);
    expect(await spend.usage({ ...all, groupBy: ['team'], filter: { team: '' } })).toEqual([
      { group: { team: '' }, ...used(5, 1, 15) },
    ]);
  });

  it('is the use of the rows, whatever happened to their ends', async () => {
    verifies('ledger:usage');
    const { ledger, spend } = await open('exact');
    const whole = { from: 0, to: NOON * 2, groupBy: [] } as const;
    const [twice, late, dead, open_] = [newId(), newId(), newId(), newId()];
    const start = (id: string): LedgerRecord => received(callStart(id, { startedAt: NOON }), 'gone');
    const records = [start(twice), ended(callEnd(twice, { cost: 1 }), 'gone')];
    await ledger.append(records);
    await ledger.append(records);
    await ledger.append([ended(callEnd(twice, { cost: 64, status: 'error' }), 'gone')]);
    expect(await spend.usage(whole)).toEqual([{ group: {}, ...used(1, 0, 1) }]);
    await ledger.append([start(late), start(dead), start(open_)]);
    await ledger.append([ended(callEnd(open_, { cost: 2 }), 'gone')]);
    expect(await closeOrphans(ledger, 'lives')).toBe(2);
    expect(await spend.usage(whole)).toEqual([{ group: {}, ...used(4, 2, 3) }]);
    // The spool of the writer that died has the end all the same: alone, or beside a start that is known.
    await ledger.append([ended(callEnd(late, { cost: 4, promptTokens: 5 }), 'gone')]);
    expect(await spend.usage(whole)).toEqual([{ group: {}, ...used(4, 1, 7, 5) }]);
    await ledger.append([start(dead), ended(callEnd(dead, { cost: 8, status: 'tool-error' }), 'gone')]);
    expect(await spend.usage(whole)).toEqual([{ group: {}, ...used(4, 1, 15, 5) }]);
    expect(await spend.spentSince('key', 'master', NOON)).toEqual(
      await spend.spentSince('key', 'master', NOON - 1),
    );
  });

  it('finds calls by what they are, newest first, page by page', async () => {
    const { ledger, spend } = await open('find');
    const [parent, unended] = [newId(), newId()];
    await ledger.append([
      ...call(NOON + 1, { keyId: 'k1', user: 'ann', team: 'red' }, { status: 'error' }),
      ...call(NOON + 3, { keyId: 'k1', server: 'web', toolName: 'web-get', originalName: 'get' }),
      ...call(NOON + 2, { keyId: 'k2', parentId: parent }),
      ...call(NOON + 4, { keyId: 'k2', kind: 'llm', model: 'gpt', server: undefined }),
      received(callStart(unended, { startedAt: NOON + 5, keyId: 'k3' })),
    ]);
    const at = async (filter: Parameters<typeof spend.find>[0]['filter'] = {}): Promise<number[]> =>
      (await spend.find({ filter, limit: 10 })).map(({ startedAt }) => startedAt - NOON);
    expect(await at()).toEqual([5, 4, 3, 2, 1]);
    expect(await at({ key: 'k1' })).toEqual([3, 1]);
    expect(await at({ user: 'ann', team: 'red' })).toEqual([1]);
    expect(await at({ model: 'gpt' })).toEqual([4]);
    expect(await at({ kind: 'mcp', from: NOON + 2, to: NOON + 5 })).toEqual([3, 2]);
    expect(await at({ server: 'web' })).toEqual([3]);
    expect([await at({ tool: 'get' }), await at({ tool: 'web-get' })]).toEqual([[3], [3]]);
    expect(await at({ status: 'error' })).toEqual([1]);
    expect(await at({ status: 'open' })).toEqual([5]);
    expect(await at({ parent })).toEqual([2]);
    const [first, second] = await spend.find({ limit: 2 });
    expect(
      (await spend.find({ limit: 2, before: second! })).map(({ startedAt }) => startedAt - NOON),
    ).toEqual([3, 2]);
    expect(first).toMatchObject({ id: unended, keyId: 'k3' });
    expect(first?.status).toBeUndefined();
  });
});

it('sums are exact when two gateways write at once and their calls are closed and ended out of turn', async () => {
  const url = await postgres.createDatabase();
  const stores: Store[] = [];
  for (let at = 0; at < 2; at++)
    stores.push((await openStore({ kind: 'external', url: new Secret(url) }, silentLog)).store);
  const writeOn = async ({ ledger }: Store, writer: string): Promise<void> => {
    for (let round = 0; round < 20; round++) {
      const ids = Array.from({ length: 20 }, () => newId());
      const startedAt = NOON + (round % 3) * HOUR;
      await ledger.append(
        ids.map((id, at) => received(callStart(id, { startedAt, keyId: `k${at % 4}` }), writer)),
      );
      if (round % 4 === 0) await closeOrphans(ledger, 'somebody');
      const ends = ids
        .slice(round % 5)
        .map((id, at) =>
          ended(callEnd(id, { cost: at / 10, status: at % 7 === 0 ? 'error' : 'ok' }), writer),
        );
      await ledger.append(ends);
      await ledger.append(ends.slice(0, 5));
    }
  };
  await Promise.all(stores.map((store, at) => writeOn(store, `w${at}`)));
  const rows = await postgres.query(
    url,
    `SELECT date_trunc('hour', started_at, 'UTC') AS hour, key_id, count(*) AS requests,
       count(*) FILTER (WHERE status <> 'ok') AS failures, coalesce(sum(cost), 0)::float8 AS cost
     FROM ledger_calls WHERE ended_at IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  const sums = await postgres.query(
    url,
    `SELECT hour, key_id, sum(requests) AS requests, sum(failures) AS failures, sum(cost)::float8 AS cost
     FROM ledger_usage GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  expect(rows).toHaveLength(12);
  expect(sums).toEqual(rows);
  for (const store of stores) await store[Symbol.asyncDispose]();
});
