import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool } from '../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../test/support/connector-database.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { passingTracer } from '../../core/trace.ts';
import { createPostgresConnector, type PostgresConnector } from './connector.ts';
import { Database } from './database.ts';
import { DatabaseBusy } from './errors.ts';
import { readSafety, safetyOf } from './safety.ts';

/** The one value that must not be seen, in whatever form. */
const SECRET = 'hidden.person@example.com';
const SAFETY = readSafety({ MCP_MASK: 'email' });
const LOG = { info() {}, warn() {}, error() {} };

let server: TestDatabase;

beforeAll(async () => {
  server = await openTestDatabase();
  await server.run(`
    CREATE TABLE public.people (id int, email text); INSERT INTO public.people VALUES (1, '${SECRET}');
    CREATE FUNCTION public.spill(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it failed'' USING DETAIL = $1; END';
    CREATE VIEW public.spilled AS SELECT id, public.spill(email) AS s FROM public.people`);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function open(): PostgresConnector & AsyncDisposable {
  const made = createPostgresConnector({
    connection: server.target(),
    log: LOG,
    version: '1.0.0',
    allowWrite: true,
    allowFunctions: [],
    toolsets: ['all'],
    safety: SAFETY,
  });
  return { ...made, [Symbol.asyncDispose]: made.close };
}

test('a view that is made while the connector reads the catalogue is not read before the connector has looked again', async () => {
  verifies('postgres:masking');
  await using connector = open();
  const ask = async (): Promise<string> =>
    (await callTool(connector.server, 'execute_sql', { sql: 'SELECT upper(x) FROM public.later' })).text;
  // Holds the connector up between the columns that are masked and the end of what it reads.
  await server.run('BEGIN; LOCK TABLE pg_catalog.pg_extension IN ACCESS EXCLUSIVE MODE');
  const asked = ask();
  for (;;) {
    const [row] = await server.run(
      "SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted AND relation = 'pg_catalog.pg_extension'::regclass",
    );
    if (row?.['waiting'] === 1) break;
  }
  await server.run('CREATE VIEW public.later AS SELECT id, email AS x FROM public.people; COMMIT');
  expect(await asked).toContain('call again');
  expect(await ask()).toContain('column x is masked');
});

test.each(['read', 'write', 'tryOut'] as const)(
  'a statement runs only on the tables and views that it was judged by: %s',
  async (access) => {
    verifies('postgres:masking');
    await using database = new Database({
      connection: server.target(),
      allowFunctions: [],
      rolePolicy: 'ignore',
      safety: safetyOf(SAFETY),
      wireBytesMax: 1024 * 1024,
      sessionsMax: 1,
      sessionWaitMs: 5_000,
      log: LOG,
      tracer: passingTracer,
    });
    const context = { signal: new AbortController().signal, trace: undefined };
    const work = (): Promise<string> => Promise.resolve('ran');
    const judgedBy = await database.facts();
    expect(await database[access](context, work, judgedBy)).toBe('ran');
    await server.run(`CREATE VIEW public.made_for_${access} AS SELECT email AS x FROM public.people`);
    // Others make the connector look again.
    await expect(database.read(context, work)).rejects.toThrow(DatabaseBusy);
    expect(await database.read(context, work)).toBe('ran');
    await expect(database[access](context, work, judgedBy)).rejects.toThrow(DatabaseBusy);
  },
);

test.each([
  ['execute_sql', { sql: 'SELECT s FROM public.spilled' }],
  ['execute_write', { sql: 'SELECT s FROM public.spilled' }],
  ['explain_query', { sql: 'SELECT s FROM public.spilled', analyze: true }],
  ['sample_rows', { object_name: 'public.spilled' }],
])('no error shows the detail where columns are masked: %s', async (tool, args) => {
  verifies('postgres:masking');
  await using connector = open();
  const { text, isError } = await callTool(connector.server, tool, args);
  expect(isError).toBe(true);
  expect(text).toContain('it failed (SQLSTATE P0001)');
  expect(text).not.toContain(SECRET);
});
