import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIdSource } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import { openStore, type StoreMode } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store-ports.ts';
import type { CallEnd, CallStart, LedgerRecord } from '../../src/store/call-records.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { closeOrphans } from '../support/ledger-fakes.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts';
import { verifies } from '../support/verifies.ts';

const newId = createIdSource();
const DAY_MS = 86_400_000;

let folder: string;
let postgres: TestPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-store-'));
  postgres = await startTestPostgres();
}, 60_000);

afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function start(id: string, startedAt = Date.now()): CallStart {
  return {
    id,
    startedAt,
    kind: 'mcp',
    operation: 'tools/call',
    keyId: 'k1',
    keyAlias: 'team',
    user: undefined,
    team: undefined,
    address: '127.0.0.1',
    client: 'test/1',
    server: 'db',
    toolName: 'db-query',
    originalName: 'query',
    model: undefined,
    decision: 'allowed',
    rule: 'virtual_keys[0].mcp_servers',
    bytesIn: 123,
    traceId: undefined,
  };
}

function end(id: string, status: CallEnd['status'] = 'ok'): CallEnd {
  return {
    id,
    endedAt: Date.now(),
    status,
    errorCode: undefined,
    totalMs: 1.5,
    upstreamMs: 1.25,
    bytesOut: 456,
    promptTokens: undefined,
    completionTokens: undefined,
    cost: undefined,
  };
}

let seq = 0;
const received = (call: CallStart, writer = 'w1'): LedgerRecord => ({
  phase: 'received',
  writer,
  seq: ++seq,
  start: call,
});
const ended = (call: CallEnd, writer = 'w1'): LedgerRecord => ({
  phase: 'ended',
  writer,
  seq: ++seq,
  end: call,
});

const MODES: readonly (readonly [StoreMode['kind'], () => Promise<StoreMode>])[] = [
  ['embedded', () => Promise.resolve({ kind: 'embedded', dataFolder: join(folder, 'embedded') })],
  ['external', async () => ({ kind: 'external', url: new Secret(await postgres.createDatabase()) })],
  ['none', () => Promise.resolve({ kind: 'none', dataFolder: join(folder, 'none') })],
];

const LIMITS = { responseStateBytesMax: 1_000 };

describe.each(MODES)('the %s store', (_kind, modeOf) => {
  let mode: StoreMode;
  let store: Store;
  const reopen = async (): Promise<void> => {
    await store[Symbol.asyncDispose]();
    ({ store } = await openStore(mode, silentLog, LIMITS));
  };

  beforeAll(async () => {
    mode = await modeOf();
    ({ store } = await openStore(mode, silentLog, LIMITS));
  }, 60_000);

  afterAll(() => store?.[Symbol.asyncDispose]());

  it('is healthy and says what it is', async () => {
    verifies('store:contract');
    expect(store.kind).toBe(mode.kind);
    expect(await store.health()).toMatchObject({ ok: true });
  });

  it('keeps catalogue rows byte for byte over a reopening, the last one of a server only', async () => {
    const payload = '{"b":1,"a":12345678901234567890,"text":"ü\\u0000\\ud83d"}';
    await store.catalog.save({ server: 'one', fingerprint: 'f0', payload: '{}', updatedAt: 1_000 });
    await store.catalog.save({ server: 'one', fingerprint: 'f1', payload, updatedAt: 2_000 });
    await store.catalog.save({ server: 'two', fingerprint: 'f2', payload: '{}', updatedAt: 3_000 });
    await store.catalog.remove('two');
    await reopen();
    expect(await store.catalog.loadAll()).toEqual([
      { server: 'one', fingerprint: 'f1', payload, updatedAt: 2_000 },
    ]);
  });

  it('keeps the history of tools byte for byte over a reopening, the last one of a tool only', async () => {
    const payload = '{"versions":[{"definition":"{\\"n\\":12345678901234567890,\\"t\\":\\"ü\\\\u0000\\"}"}]}';
    const row = (server: string, tool: string, text = '{}', updatedAt = 1_000) => ({
      server,
      tool,
      payload: text,
      updatedAt,
    });
    await store.toolHistory.save([row('one', 'b'), row('one', 'a'), row('two', 'a'), row('two', 'b')]);
    await store.toolHistory.save([row('one', 'a', payload, 2_000), row('one', 'od\\u0000d', payload)]);
    await store.toolHistory.save([]);
    await store.toolHistory.remove('two', ['b', 'never there']);
    await store.toolHistory.remove('three', ['a']);
    await reopen();
    expect(await store.toolHistory.load(['one', 'three'])).toEqual([
      row('one', 'a', payload, 2_000),
      row('one', 'b'),
      row('one', 'od\\u0000d', payload),
    ]);
    expect(await store.toolHistory.load(['two'])).toEqual([row('two', 'a')]);
    expect(await store.toolHistory.load([])).toEqual([]);
  });

  it('keeps all histories of a save or none', async () => {
    const row = (tool: string) => ({ server: 'whole', tool, payload: '{}', updatedAt: 1_000 });
    const broken = {
      ...row('broken'),
      get payload(): string {
        throw new Error('cannot be read');
      },
    };
    await expect(store.toolHistory.save([row('fine'), broken])).rejects.toThrow('cannot be read');
    expect(await store.toolHistory.load(['whole'])).toEqual([]);
  });

  it('keeps answers byte for byte for their key, until they expire', async () => {
    const payload = '{"n":12345678901234567890,"t":"ü\\u0000\\ud83d"}';
    const soon = Date.now() + 60_000;
    const row = (id: string, keyId: string, more = {}) => ({
      id,
      keyId,
      expiresAt: soon,
      payload: '{}',
      ...more,
    });
    const { responses } = store;
    await responses.save(row('resp_1', 'k1'));
    await responses.save(row('resp_1', 'k1', { payload }));
    await responses.save(row('resp_1', 'k2'));
    await responses.save(row('resp_2', 'k1', { expiresAt: Date.now() - 1 }));
    expect(await responses.load('resp_1', 'k1')).toEqual(row('resp_1', 'k1', { payload }));
    expect(await responses.load('resp_1', 'k2')).toEqual(row('resp_1', 'k2'));
    expect(await responses.load('resp_1', 'k3')).toBeUndefined();
    expect(await responses.load('resp_2', 'k1')).toBeUndefined();
    for (const [id, keyId, isOthers] of [
      ['resp_1', 'k3', true],
      ['resp_1', 'k1', true],
      ['resp_2', 'k1', false],
      ['resp_2', 'k2', true],
      ['resp_3', 'k1', false],
    ] as const)
      expect(await responses.isOthers(id, keyId), `${id} ${keyId}`).toBe(isOthers);
    expect(await responses.remove('resp_1', 'k3')).toBe(false);
    expect(await responses.remove('resp_1', 'k1')).toBe(true);
    expect(await responses.remove('resp_1', 'k1')).toBe(false);
    expect(await responses.load('resp_1', 'k2')).toBeDefined();
    expect(await responses.purge()).toBe(1);
    expect(await responses.purge()).toBe(0);
  });

  it('keeps so much of the answers of a key, the newest, and all of other keys', async () => {
    const payload = 'x'.repeat(100);
    const expiresAt = Date.now() + 60_000;
    await store.responses.save({ id: 'r', keyId: 'other', expiresAt, payload });
    for (let at = 0; at < 25; at++)
      await store.responses.save({ id: `r${at}`, keyId: 'full', expiresAt, payload });
    const kept: number[] = [];
    for (let at = 0; at < 25; at++)
      if ((await store.responses.load(`r${at}`, 'full')) !== undefined) kept.push(at);
    expect(kept).toEqual([15, 16, 17, 18, 19, 20, 21, 22, 23, 24]);
    expect(await store.responses.load('r', 'other')).toBeDefined();
  });

  it('tells what caused a call and what it cost, exactly', async () => {
    const [parent, child] = [newId(), newId()];
    await store.ledger.append([
      received({ ...start(parent), kind: 'llm', model: 'gpt' }),
      received({ ...start(child), parentId: parent }),
      ended({ ...end(parent), cost: 0.000000000123, deployment: 'd1', attempts: 2, tokensEstimated: true }),
      ended(end(child)),
    ]);
    const rows = await store.ledger.recent({ limit: 2 });
    expect(rows[0]).toMatchObject({ id: child, parentId: parent });
    expect(rows[0]?.tokensEstimated).toBeUndefined();
    expect(rows[1]).toMatchObject({
      id: parent,
      cost: 0.000000000123,
      deployment: 'd1',
      attempts: 2,
      tokensEstimated: true,
    });
  });

  it('makes a secret once, and gives the same one to everybody ever after', async () => {
    const [first, second] = await Promise.all([
      store.secrets.getOrCreate('seal', 32),
      store.secrets.getOrCreate('seal', 32),
    ]);
    expect(first).toHaveLength(32);
    expect(Buffer.from(second)).toEqual(Buffer.from(first));
    expect(Buffer.from(await store.secrets.getOrCreate('other', 32))).not.toEqual(Buffer.from(first));
    await reopen();
    expect(Buffer.from(await store.secrets.getOrCreate('seal', 32))).toEqual(Buffer.from(first));
  });

  it("joins a call's two records, newest call first, page by page", async () => {
    const ids = [newId(), newId(), newId()];
    await store.ledger.append(ids.map((id) => received(start(id))));
    await store.ledger.append([ended(end(ids[0]!)), ended(end(ids[1]!, 'tool-error'))]);
    const rows = await store.ledger.recent({ limit: 3 });
    expect(rows.map((row) => row.id)).toEqual([...ids].reverse());
    expect(rows[2]).toMatchObject({
      keyAlias: 'team',
      originalName: 'query',
      status: 'ok',
      totalMs: 1.5,
      upstreamMs: 1.25,
      bytesIn: 123,
      bytesOut: 456,
    });
    expect(rows[1]).toMatchObject({ status: 'tool-error' });
    expect(rows[0]?.status).toBeUndefined();
    expect((await store.ledger.recent({ limit: 1, beforeId: ids[2]! })).map((row) => row.id)).toEqual([
      ids[1],
    ]);
  });

  it('takes the same records again without a change, as a replay after a crash gives them', async () => {
    const id = newId();
    const records = [received(start(id)), ended(end(id, 'cancelled'))];
    await store.ledger.append(records);
    await store.ledger.append(records);
    await store.ledger.append([ended(end(id, 'ok'))]);
    const rows = (await store.ledger.recent({ limit: 50 })).filter((row) => row.id === id);
    expect(rows).toMatchObject([{ status: 'cancelled' }]);
  });

  it('closes what writers that are gone left open, and nothing of the one that lives', async () => {
    const [dead, alive, done] = [newId(), newId(), newId()];
    await store.ledger.append([
      received(start(dead), 'dead'),
      received(start(alive), 'alive'),
      received(start(done), 'dead'),
      ended(end(done), 'dead'),
    ]);
    expect(await closeOrphans(store.ledger, 'alive')).toBeGreaterThanOrEqual(1);
    expect(await closeOrphans(store.ledger, 'alive')).toBe(0);
    const byId = new Map((await store.ledger.recent({ limit: 50 })).map((row) => [row.id, row]));
    expect(byId.get(dead)).toMatchObject({ status: 'unknown' });
    expect(byId.get(done)).toMatchObject({ status: 'ok' });
    expect(byId.get(alive)?.status).toBeUndefined();
  });

  it('takes calls of days for which nothing was prepared', async () => {
    const [past, future] = [newId(), newId()];
    await store.ledger.append([
      received(start(past, Date.now() - 400 * DAY_MS)),
      received(start(future, Date.now() + 40 * DAY_MS)),
    ]);
    const ids = (await store.ledger.recent({ limit: 100 })).map((row) => row.id);
    expect(ids).toEqual(expect.arrayContaining([past, future]));
  });
});

it('a ledger file that a crash cut in mid-line loses nothing that comes after', async () => {
  const mode: StoreMode = { kind: 'none', dataFolder: join(folder, 'torn') };
  const [before, after] = [newId(), newId()];
  const first = await openStore(mode, silentLog);
  await first.store.ledger.append([received(start(before))]);
  await first.store[Symbol.asyncDispose]();
  const ledger = join(folder, 'torn', 'ledger');
  const [file] = await readdir(ledger);
  await appendFile(join(ledger, file!), '{"phase":"received","writer":"w1","se');
  const { store } = await openStore(mode, silentLog);
  await store.ledger.append([received(start(after))]);
  expect((await store.ledger.recent({ limit: 5 })).map((row) => row.id)).toEqual([after, before]);
});

it('shows calls in the words of LiteLLM users', async () => {
  verifies('store:litellm-views');
  const url = await postgres.createDatabase();
  const { store } = await openStore({ kind: 'external', url: new Secret(url) }, silentLog);
  const id = newId();
  await store.ledger.append([received(start(id)), ended(end(id))]);
  await store[Symbol.asyncDispose]();
  const rows = await postgres.query(url, 'SELECT * FROM litellm_logs ORDER BY start_time DESC LIMIT 5');
  expect(rows).toMatchObject([
    {
      request_id: id,
      model: 'MCP: query',
      spend: '0',
      user: null,
      api_key: 'k1',
      total_tokens: '0',
      status: 'ok',
      mcp_namespaced_tool_name: 'db/query',
      call_type: 'call_mcp_tool',
    },
  ]);
  const compatible = await postgres.query(
    url,
    'SELECT request_id, "startTime", status FROM "LiteLLM_SpendLogs"',
  );
  expect(compatible).toMatchObject([{ request_id: id, status: 'success' }]);
});

it('a database that cannot be reached is refused in one line, without its password', async () => {
  const failure = openStore(
    { kind: 'external', url: new Secret('postgresql://user:hunter2@127.0.0.1:1/db') },
    silentLog,
  ).then(
    () => 'opened',
    (error: Error) => error.message,
  );
  const message = await failure;
  expect(message).toMatch(/127\.0\.0\.1:1/);
  expect(message).not.toContain('hunter2');
  expect(message).not.toContain('\n');
});
