import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestDatabase, type TestDatabase } from '../../../test/support/connector-database.ts';
import { passingTracer } from '../../core/trace.ts';
import { Database, type DatabaseOptions } from './database.ts';
import { ConnectionCut, DatabaseBusy, RoleRefused } from './errors.ts';
import { readRows } from './rows.ts';
import { safetyOf } from './safety.ts';

// What the layers beneath the guard hold by themselves: every statement here goes straight to the server, as a superuser.

const CAPS = { rowsMax: 100, bytesMax: 1024 * 1024, cellCharactersMax: 1_000 };
const NEVER = new AbortController().signal;
const CONTEXT = { signal: NEVER, trace: undefined };

let server: TestDatabase;

beforeAll(async () => {
  server = await openTestDatabase();
  await server.run(
    'CREATE TABLE public.kept (id int PRIMARY KEY); INSERT INTO public.kept VALUES (1), (2), (3)',
  );
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function open(options: Partial<DatabaseOptions> = {}): Database {
  return new Database({
    connection: server.target(),
    allowFunctions: [],
    rolePolicy: 'warn',
    safety: safetyOf({ statementTimeoutMs: 10_000, lockTimeoutMs: 200 }),
    wireBytesMax: 8 * 1024 * 1024,
    sessionsMax: 2,
    sessionWaitMs: 5_000,
    log: { info() {}, warn() {}, error() {} },
    tracer: passingTracer,
    ...options,
  });
}

function run(database: Database, sql: string, signal = NEVER): Promise<readonly (readonly unknown[])[]> {
  return database.read(
    { signal, trace: undefined },
    async (session) => (await readRows(session, sql, CAPS, new Map())).rows,
  );
}

test.each([
  ['COMMIT; DELETE FROM public.kept', '42601'],
  ['SELECT 1; DELETE FROM public.kept', '42601'],
  ['DELETE FROM public.kept', '25006'],
  ['WITH d AS (DELETE FROM public.kept RETURNING id) SELECT * FROM d', '25006'],
  ['CREATE TABLE public.evil (a int)', '25006'],
  ['SELECT * FROM public.kept FOR UPDATE', '25006'],
  ['SET TRANSACTION READ WRITE', '25001'],
  ['SET transaction_read_only = off', '25001'],
  ["SELECT set_config('transaction_read_only', 'off', false)", '25001'],
  ['EXPLAIN ANALYZE DELETE FROM public.kept', '25006'],
])('without the guard, PostgreSQL itself refuses: %s', async (sql, code) => {
  await using database = open();
  await expect(run(database, sql)).rejects.toMatchObject({ code });
  expect(await server.run('SELECT count(*)::int AS rows FROM public.kept')).toEqual([{ rows: 3 }]);
});

test('a transaction ended from inside leaves nothing: what follows is not in it', async () => {
  await using database = open();
  await expect(
    database.read(CONTEXT, async (session) => {
      await readRows(session, 'COMMIT', CAPS, new Map());
      return readRows(session, 'DELETE FROM public.kept', CAPS, new Map());
    }),
  ).rejects.toMatchObject({ code: '25006' });
  expect(await server.run('SELECT count(*)::int AS rows FROM public.kept')).toEqual([{ rows: 3 }]);
});

test.each([
  'COPY (SELECT 1) TO STDOUT',
  'COPY public.kept FROM STDIN',
  'COPY (SELECT n FROM generate_series(1, 100000) AS n) TO STDOUT',
])(
  'without the guard, a COPY to or from the connection ends that connection, not the process: %s',
  async (sql) => {
    await using database = open();
    await expect(run(database, sql)).rejects.toThrow();
    expect(await run(database, 'SELECT count(*)::int FROM public.kept')).toEqual([[3]]);
  },
);

test('settings, advisory locks, listens and temporary objects do not outlive a use of the session', async () => {
  await using database = open({ sessionsMax: 1 });
  await run(
    database,
    "SELECT set_config('search_path', 'evil', false), set_config('statement_timeout', '0', false)",
  );
  await run(database, 'SELECT pg_advisory_lock(42)');
  await run(database, 'LISTEN evil');
  const [row] = await run(
    database,
    `SELECT current_setting('search_path'), current_setting('statement_timeout'),
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), (SELECT count(*) FROM pg_listening_channels())`,
  );
  expect(row).toEqual(['"public", "pg_temp"', '10s', 0, 0]);
});

test('a statement that runs too long is ended by the server', async () => {
  await using database = open({ safety: safetyOf({ statementTimeoutMs: 100 }) });
  await expect(run(database, 'SELECT pg_sleep(30)')).rejects.toMatchObject({
    code: expect.stringMatching(/57014|25P04/),
  });
  expect(await run(database, 'SELECT 1')).toEqual([[1]]);
});

test('waiting for a lock ends after the lock timeout', async () => {
  await using database = open();
  await server.run('BEGIN; LOCK TABLE public.kept IN ACCESS EXCLUSIVE MODE');
  try {
    await expect(run(database, 'SELECT * FROM public.kept')).rejects.toMatchObject({ code: '55P03' });
  } finally {
    await server.run('ROLLBACK');
  }
});

test('cancelling a call ends its statement on the server', async () => {
  await using database = open();
  const abort = new AbortController();
  const running = run(database, "SELECT pg_sleep(30), 'to be cancelled'", abort.signal);
  running.catch(() => undefined);
  // Nothing tells when a statement has begun; the server is asked until it shows it.
  for (;;) {
    const [row] = await server.run(
      `SELECT count(*)::int AS running FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%to be cancelled%'`,
    );
    if (row?.['running'] === 1) break;
  }
  abort.abort();
  await expect(running).rejects.toMatchObject({ code: '57014' });
});

test('a cancellation that comes too late does not end the next statement on that session', async () => {
  await using database = open({ sessionsMax: 1 });
  const failed: unknown[] = [];
  for (let at = 0; at < 30; at++) {
    const late = new AbortController();
    await database
      .read({ signal: late.signal, trace: undefined }, async () => {
        late.abort();
      })
      .catch(() => undefined);
    await run(database, 'SELECT pg_sleep(0.02)').catch((error: unknown) => failed.push(error));
  }
  expect(failed).toEqual([]);
});

test('a call that is cancelled before it starts sends nothing', async () => {
  await using database = open();
  await expect(run(database, 'SELECT 1', AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
});

test('one huge cell costs its connection, not the memory of this process', async () => {
  await using database = open({ wireBytesMax: 1024 * 1024 });
  await expect(run(database, "SELECT repeat('x', 50000000)")).rejects.toBeInstanceOf(ConnectionCut);
  expect(await run(database, 'SELECT 1')).toEqual([[1]]);
});

test('a backend that dies under a statement fails that call; the next one gets another', async () => {
  await using database = open({ sessionsMax: 1 });
  const died = database.read(CONTEXT, async (session) => {
    const [row] = (await readRows(session, 'SELECT pg_backend_pid()', CAPS, new Map())).rows;
    await server.run(`SELECT pg_terminate_backend(${String(row?.[0])})`);
    return readRows(session, 'SELECT 1', CAPS, new Map());
  });
  await expect(died).rejects.toThrow();
  expect(await run(database, 'SELECT 1')).toEqual([[1]]);
});

test('when every session is busy, a call is told so', async () => {
  await using database = open({ sessionsMax: 1, sessionWaitMs: 500 });
  await database.facts();
  const held = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const holding = database.read(CONTEXT, async () => {
    entered.resolve();
    await held.promise;
  });
  await entered.promise;
  const refused = await run(database, 'SELECT 1').catch((error: unknown) => error);
  held.resolve();
  await holding;
  expect(refused).toBeInstanceOf(DatabaseBusy);
  expect((refused as Error).message).toMatch(/all 1 sessions .* are busy/);
});

test('with the policy enforce, a role that may write is refused, with what it may do', async () => {
  await using database = open({ rolePolicy: 'enforce' });
  const refused = await run(database, 'SELECT 1').catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(RoleRefused);
  expect((refused as Error).message).toMatch(/superuser.*may write to tables/);
});

test.each([
  ['ALTER ROLE probed CREATEROLE', /it may create roles/],
  ['ALTER ROLE probed CREATEDB', /it may create databases/],
  ['ALTER ROLE probed REPLICATION', /it may copy the whole server/],
  ['GRANT pg_signal_backend TO probed', /it may end others' statements/],
  ['GRANT pg_read_all_data TO probed', /it may read password hashes/],
  ['GRANT UPDATE (id) ON public.kept TO probed', /it may write to tables/],
  ['GRANT CREATE ON DATABASE postgres TO probed', /it may create objects/],
])('with the policy enforce, a role is refused after %s', async (grant, reason) => {
  await server.run('CREATE ROLE probed LOGIN');
  try {
    await using plain = open({ rolePolicy: 'enforce', connection: server.target('probed') });
    expect(await run(plain, 'SELECT 1')).toEqual([[1]]);
    await server.run(grant);
    await using more = open({ rolePolicy: 'enforce', connection: server.target('probed') });
    const refused = await run(more, 'SELECT 1').catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RoleRefused);
    expect((refused as Error).message).toMatch(reason);
  } finally {
    await server.run('DROP OWNED BY probed; DROP ROLE probed');
  }
});

test('a database URL that is none is refused with how to write it, and without its password', () => {
  const reveal = (): string => 'mysql://user:hunter2@host/db';
  const connection = { url: { reveal } as never };
  expect(() => open({ connection })).toThrow(/postgresql:\/\/user:password@host:5432\/database/);
  expect(() => open({ connection })).not.toThrow(/hunter2/);
});
