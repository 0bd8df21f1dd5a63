import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifies } from '../../../../test/support/verifies.ts';
import { type CalledTool, callTool } from '../../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/connector-database.ts';
import { createPostgresConnector, type PostgresConnector } from '../connector.ts';
import { DEMO_OWNER, DEMO_ROLE, loadDemo } from '../demo/load-demo.ts';

const ITEMS_OF_A_PRODUCT = 'SELECT * FROM shop.order_items WHERE product_id = 17';
const WISH = { table: 'shop.order_items', columns: ['product_id'] };

let database: TestDatabase;
/** On the demo: tries indexes for real. */
let demo: PostgresConnector;
/** On a database like any other: tries indexes with hypopg, where that is. */
let reader: PostgresConnector;
let hypopg: boolean;

beforeAll(async () => {
  database = await openTestDatabase();
  await loadDemo(database.run);
  const options = {
    connection: database.target(DEMO_ROLE),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
  };
  demo = createPostgresConnector({
    ...options,
    demoOwner: { connection: database.target(DEMO_OWNER), role: DEMO_ROLE },
  });
  reader = createPostgresConnector(options);
  hypopg = (await database.run("SELECT FROM pg_extension WHERE extname = 'hypopg'")).length > 0;
});

afterAll(async () => {
  await demo.close();
  await reader.close();
  await database[Symbol.asyncDispose]();
});

const explain = (args: Readonly<Record<string, unknown>>, server = demo): Promise<CalledTool> =>
  callTool(server.server, 'explain_query', args);

async function indexes(): Promise<unknown> {
  return database.run('SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid > 16384 ORDER BY 1');
}

test('a plan is given as data and as text, with its costs, the nodes that matter and how they were got', async () => {
  const { structured, text } = await explain({ sql: ITEMS_OF_A_PRODUCT });
  expect(structured).toMatchObject({
    plan: { 'Node Type': 'Seq Scan', 'Relation Name': 'order_items' },
    total_cost: expect.any(Number),
    important_nodes: [{ node: 'Seq Scan on shop.order_items', cost_percent: 100 }],
    method: expect.stringContaining('with the indexes that there are'),
    analyzed: false,
    truncated: false,
  });
  expect(structured).not.toHaveProperty('execution_ms');
  expect(text).toMatch(/Seq Scan on shop\.order_items \(cost 0\.\.\d+.*filter: .*product_id = 17/);
});

test('analyze executes it and says what was read in vain', async () => {
  const { structured } = await explain({ sql: ITEMS_OF_A_PRODUCT, analyze: true });
  expect(structured).toMatchObject({
    analyzed: true,
    execution_ms: expect.any(Number),
    method: expect.stringContaining('executed'),
    important_nodes: [{ actual_rows: 23, remarks: [expect.stringMatching(/read \d+ rows in vain/)] }],
  });
});

test('a search for words in the middle of a text is named as what no ordinary index helps', async () => {
  const { text } = await explain({ sql: 'SELECT * FROM recalled' });
  expect(text).toContain('a pattern that begins with a wildcard');
});

test('a statement with open parameters is planned without values, and not executed', async () => {
  const { structured } = await explain({ sql: 'SELECT * FROM order_items WHERE product_id = $1 LIMIT $2' });
  expect(structured).toMatchObject({ method: expect.stringContaining('generic plan'), analyzed: false });
  const executed = await explain({ sql: 'SELECT * FROM order_items WHERE product_id = $1', analyze: true });
  expect(executed).toMatchObject({ isError: true, text: expect.stringContaining('write values') });
});

describe('hypothetical indexes', () => {
  test('on the demo are tried for real and leave nothing', async () => {
    verifies('postgres:hypothetical-indexes');
    const before = await indexes();
    const { structured, text } = await explain({ sql: ITEMS_OF_A_PRODUCT, hypothetical_indexes: [WISH] });
    const { cost_before: costBefore, cost_after: costAfter } = structured['hypothetical'] as {
      cost_before: number;
      cost_after: number;
    };
    expect(costAfter).toBeLessThan(costBefore / 2);
    expect(structured).toMatchObject({
      total_cost: costAfter,
      method: expect.stringContaining('rolled back'),
      hypothetical: {
        indexes: [
          {
            definition: 'CREATE INDEX ON "shop"."order_items" USING btree ("product_id")',
            used: true,
          },
        ],
      },
    });
    const [tried] = (structured['hypothetical'] as { indexes: { size_bytes: number }[] }).indexes;
    expect(tried?.size_bytes).toBeGreaterThan(50_000);
    expect(text).toContain('With the 1 hypothetical index(es)');
    expect(await indexes()).toEqual(before);
    const after = await explain({ sql: ITEMS_OF_A_PRODUCT });
    expect(after.structured['total_cost']).toBe(costBefore);
  });

  test('give the cost that the real index then gives', async () => {
    const { structured } = await explain({ sql: ITEMS_OF_A_PRODUCT, hypothetical_indexes: [WISH] });
    await database.run('CREATE INDEX real_one ON shop.order_items (product_id)');
    try {
      const real = await explain({ sql: ITEMS_OF_A_PRODUCT });
      expect(real.structured['total_cost']).toBe(structured['total_cost']);
    } finally {
      await database.run('DROP INDEX shop.real_one');
    }
  });

  test('work on a partitioned table, and with several columns', async () => {
    const wish = { table: 'orders', columns: ['status', 'ordered_at'] };
    const { structured } = await explain({
      sql: "SELECT id FROM orders WHERE status = 'returned' ORDER BY ordered_at LIMIT 5",
      hypothetical_indexes: [wish],
    });
    expect(structured).toMatchObject({ hypothetical: { indexes: [{ used: true }] } });
  });

  test('elsewhere need hypopg, are forgotten afterwards, and without it say what to install', async () => {
    const plain = await explain({ sql: ITEMS_OF_A_PRODUCT }, reader);
    const tried = await explain({ sql: ITEMS_OF_A_PRODUCT, hypothetical_indexes: [WISH] }, reader);
    if (hypopg) {
      expect(tried.structured).toMatchObject({
        method: expect.stringContaining('hypopg'),
        hypothetical: { indexes: [{ used: true }] },
      });
    } else {
      expect(tried.isError).toBe(true);
      expect(tried.text).toContain('CREATE EXTENSION hypopg');
    }
    const again = await explain({ sql: ITEMS_OF_A_PRODUCT }, reader);
    expect(again.structured['total_cost']).toBe(plain.structured['total_cost']);
  });

  test.each([
    [{ hypothetical_indexes: [{ table: 'no_such', columns: ['a'] }] }, 'names the table "no_such"'],
    [
      { hypothetical_indexes: [{ table: 'order_items', columns: ['colour'] }] },
      'which order_items has not; it has order_id',
    ],
    [{ hypothetical_indexes: [{ table: 'pg_catalog.pg_class', columns: ['oid'] }] }, 'which there is not'],
    [{ hypothetical_indexes: [{ table: 'order_items' }] }, 'needs "columns"'],
    [
      {
        hypothetical_indexes: [{ table: 'order_items', columns: ['line'], using: 'heap); DROP TABLE x; --' }],
      },
      'knows "using"',
    ],
    [{ hypothetical_indexes: [WISH], analyze: true }, 'Use either'],
  ])('that cannot be are refused: %j', async (args, reason) => {
    const { isError, text } = await explain({ sql: ITEMS_OF_A_PRODUCT, ...args });
    expect(isError).toBe(true);
    expect(text).toContain(reason);
  });

  test('with a column name that is an attack is only a name', async () => {
    await database.run('CREATE TABLE shop."o""; DROP TABLE x; --" ("c"") ; --" int)');
    try {
      const { isError, structured } = await explain({
        sql: 'SELECT 1',
        hypothetical_indexes: [{ table: 'shop."o""; DROP TABLE x; --"', columns: ['c") ; --'] }],
      });
      // Made by the superuser, it is not the demo owner's to index.
      expect({ isError, structured }).toMatchObject({ isError: true });
    } finally {
      await database.run('DROP TABLE shop."o""; DROP TABLE x; --"');
    }
  });
});

test.each([
  'DELETE FROM order_items',
  'WITH gone AS (DELETE FROM order_items RETURNING 1) SELECT * FROM gone',
  'SELECT 1; DROP TABLE order_items',
  'SELECT switch_newsletter(1)',
  'EXPLAIN SELECT 1',
])('what is no plain read is refused, with analyze and without: %s', async (sql) => {
  for (const args of [{}, { analyze: true }, { hypothetical_indexes: [WISH] }]) {
    const { isError } = await explain({ sql, ...args });
    expect(isError).toBe(true);
  }
  const [rows] = await database.run('SELECT count(*) > 8000 AS all_there FROM shop.order_items');
  expect(rows).toEqual({ all_there: true });
});

test("an error of PostgreSQL keeps its code and the place in the caller's text", async () => {
  const { isError, text } = await explain({ sql: 'SELECT colour FROM order_items' });
  expect(isError).toBe(true);
  expect(text).toMatch(/SQLSTATE 42703, at character 8/);
  const open = await explain({ sql: 'SELECT colour FROM order_items WHERE line = $1' });
  expect(open.text).toMatch(/SQLSTATE 42703, at character 8/);
});
