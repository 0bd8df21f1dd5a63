import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool } from '../../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/connector-database.ts';
import { verifies } from '../../../../test/support/verifies.ts';
import { createPostgresConnector, type PostgresConnector } from '../connector.ts';

let database: TestDatabase;
let connector: PostgresConnector;

beforeAll(async () => {
  database = await openTestDatabase();
  await database.run(`
    CREATE TABLE public.orders (id int); CREATE TABLE public.kept (id int); INSERT INTO public.kept VALUES (1), (2), (3);
    CREATE FUNCTION public.clear() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.kept; RETURN NULL; END';
    CREATE CONSTRAINT TRIGGER at_the_end AFTER INSERT ON public.orders DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION public.clear()`);
  connector = createPostgresConnector({
    connection: database.target(),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: true,
    allowDefinitions: true,
    allowFunctions: [],
  });
});

afterAll(async () => {
  await connector.close();
  await database[Symbol.asyncDispose]();
});

const left = async (): Promise<unknown> =>
  (await database.run('SELECT count(*)::int AS rows FROM public.kept'))[0]?.['rows'];

test('rows that a trigger changes at the end of the transaction are counted before it is committed', async () => {
  verifies('postgres:write');
  const write = (max: number): ReturnType<typeof callTool> =>
    callTool(connector.server, 'execute_write', {
      sql: 'INSERT INTO public.orders VALUES (1)',
      max_affected_rows: max,
    });
  const held = await write(3);
  expect(held.text).toBe(
    'Rolled back, nothing has changed: 4 rows would be changed, and max_affected_rows is 3.',
  );
  expect(await left()).toBe(3);
  const done = await write(4);
  expect(done.structured).toMatchObject({ affected_rows: 1, changed_rows: 4, committed: true });
  expect(await left()).toBe(0);
  await database.run('INSERT INTO public.kept VALUES (1), (2), (3)');
});

test.each([
  ['TRUNCATE public.kept', 'TRUNCATE'],
  ['DROP TABLE public.kept', 'DROP'],
  ['ALTER TABLE public.kept DROP COLUMN id', 'ALTER TABLE'],
])('max_affected_rows is refused where rows are not counted: %s', async (sql, name) => {
  for (const isDry of [true, false]) {
    const { text, isError } = await callTool(connector.server, 'execute_write', {
      sql,
      max_affected_rows: 1_000,
      dry_run: isDry,
    });
    expect(isError).toBe(true);
    expect(text).toContain(`does not count the rows that ${name} takes away or changes`);
  }
  expect(await left()).toBe(3);
  const tried = await callTool(connector.server, 'execute_write', { sql, dry_run: true });
  expect(tried.isError, tried.text).toBe(false);
});
