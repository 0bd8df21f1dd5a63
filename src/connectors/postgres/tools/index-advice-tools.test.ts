import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CalledTool, callTool } from '../../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/connector-database.ts';
import { verifies } from '../../../../test/support/verifies.ts';
import { createPostgresConnector, type PostgresConnector } from '../connector.ts';
import { DEMO_OWNER, DEMO_ROLE, loadDemo } from '../demo/load-demo.ts';

const ITEMS_OF_A_PRODUCT = 'SELECT * FROM order_items WHERE product_id = 17';

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
    toolsets: ['performance'],
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

interface Recommendation {
  readonly definition: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly size_bytes: number;
  readonly queries: readonly {
    readonly number: number;
    readonly cost_before: number;
    readonly cost_after: number;
    readonly reduction_percent: number;
  }[];
}

function recommended({ structured }: CalledTool): readonly Recommendation[] {
  return structured['recommendations'] as readonly Recommendation[];
}

const analyze = (queries: readonly string[], server = demo, more = {}): Promise<CalledTool> =>
  callTool(server.server, 'analyze_query_indexes', { queries, ...more });

async function costOf(sql: string): Promise<number> {
  const { structured } = await callTool(demo.server, 'explain_query', { sql });
  return structured['total_cost'] as number;
}

/** Indexes, settings of roles and databases: what advice might leave behind. */
async function state(): Promise<unknown> {
  return database.run(`SELECT (SELECT array_agg(indexrelid ORDER BY indexrelid) FROM pg_index) AS indexes,
    (SELECT array_agg(setconfig::text ORDER BY setrole) FROM pg_db_role_setting) AS settings`);
}

/** Where the connector has nothing to try indexes with, it says what to install. */
function expectRefusalWithoutEngine(called: CalledTool): void {
  expect(called.isError).toBe(true);
  expect(called.text).toContain('CREATE EXTENSION hypopg');
}

describe('a recommended index', () => {
  test.each([
    ['the foreign key without an index', ITEMS_OF_A_PRODUCT, ['product_id']],
    [
      'a join',
      "SELECT p.name, sum(i.quantity) FROM products AS p JOIN order_items AS i ON i.product_id = p.id WHERE p.sku = 'SKU-00017' GROUP BY p.name",
      ['product_id'],
    ],
    ['an order with a limit', 'SELECT * FROM reviews ORDER BY written_on DESC LIMIT 5', ['written_on']],
    [
      'a subquery',
      'SELECT name FROM products WHERE id IN (SELECT i.product_id FROM order_items AS i WHERE i.quantity = 4 AND i.line = 3 AND i.unit_price < 3)',
      expect.anything(),
    ],
    ['an open parameter', 'SELECT * FROM order_items WHERE product_id = $1', ['product_id']],
    ['words in the middle of a text, behind a view', 'SELECT * FROM recalled', ['body']],
  ])('really lowers the cost as was said: %s', async (_what, sql, columns) => {
    verifies('postgres:index-advice');
    const called = await analyze([sql]);
    const [best, ...others] = recommended(called);
    expect(others).toEqual([]);
    expect(best).toMatchObject({ columns, size_bytes: expect.any(Number) });
    expect(called.structured).toMatchObject({
      method: expect.stringContaining('rolled back'),
      examined: { stopped_by: 'nothing lowers the cost further' },
    });
    const before = await costOf(sql);
    expect(best?.queries[0]).toMatchObject({ number: 1, cost_before: before });
    const name = 'advised';
    await database.run(best!.definition.replace('INDEX CONCURRENTLY ON', `INDEX ${name} ON`));
    try {
      const after = await costOf(sql);
      expect(after).toBeLessThan(before * 0.9);
      expect(after).toBeCloseTo(best!.queries[0]!.cost_after, 0);
      // What is there is not recommended again.
      expect(recommended(await analyze([sql]))).toEqual([]);
    } finally {
      await database.run(`DROP INDEX shop.${name}`);
    }
  });

  test('is the same by hypopg, where that is installed', async () => {
    const called = await analyze([ITEMS_OF_A_PRODUCT], reader);
    if (!hypopg) {
      expectRefusalWithoutEngine(called);
      return;
    }
    expect(called.structured['method']).toContain('hypopg');
    expect(recommended(called)).toMatchObject([{ table: 'shop.order_items', columns: ['product_id'] }]);
    const partitioned = await analyze(
      ["SELECT id FROM orders WHERE status = 'new' AND total > 2000"],
      reader,
    );
    expect(partitioned.isError).toBe(false);
    const words = await analyze(['SELECT * FROM recalled'], reader);
    expect(recommended(words)).toEqual([]);
    expect(words.structured['notes']).toEqual([expect.stringContaining('hypopg knows no GIN indexes')]);
  });
});

test.each([
  'SELECT * FROM customers WHERE id = 5',
  "SELECT * FROM customers WHERE email = 'a@example.com'",
  'SELECT * FROM orders WHERE customer_id = 5',
  'SELECT * FROM reviews WHERE product_id = 5',
  'SELECT * FROM categories WHERE parent_id = 1',
  'SELECT count(*) FROM order_items',
  "SELECT * FROM products WHERE search @@ to_tsquery('english', 'lamp')",
  "SELECT * FROM products WHERE attributes ->> 'colour' = 'red'",
  'SELECT 1',
])('nothing is recommended for what has its index, or needs none: %s', async (sql) => {
  const called = await analyze([sql]);
  expect(called.isError).toBe(false);
  expect(recommended(called)).toEqual([]);
  expect(called.text).toContain('No index is recommended');
});

test('several queries share what helps them, and each recommendation says whom', async () => {
  const called = await analyze([
    ITEMS_OF_A_PRODUCT,
    'SELECT count(*) FROM order_items WHERE product_id IN (3, 4)',
    'SELECT * FROM reviews ORDER BY written_on LIMIT 3',
  ]);
  const found = recommended(called);
  expect(found.map(({ table, columns }) => [table, columns])).toEqual(
    expect.arrayContaining([
      ['shop.order_items', ['product_id']],
      ['shop.reviews', ['written_on']],
    ]),
  );
  expect(found).toHaveLength(2);
  const shared = found.find(({ table }) => table === 'shop.order_items');
  expect(shared?.queries.map(({ number }) => number)).toEqual([1, 2]);
});

test('the space for indexes is kept to', async () => {
  await database.run(
    'CREATE TABLE shop.wide AS SELECT n AS id, md5(n::text) AS code FROM generate_series(1, 60000) AS n; ALTER TABLE shop.wide OWNER TO demo_owner; GRANT SELECT ON shop.wide TO demo_reader; ANALYZE shop.wide',
  );
  try {
    const sql = "SELECT * FROM wide WHERE code = 'x'";
    const small = await analyze([sql], demo, { max_index_size_mb: 1 });
    expect(recommended(small)).toEqual([]);
    expect(small.structured).toMatchObject({ examined: { too_large: 1 } });
    expect(recommended(await analyze([sql]))).toHaveLength(1);
  } finally {
    await database.run('DROP TABLE shop.wide');
  }
});

test('advice leaves nothing behind, also when it fails', async () => {
  verifies('postgres:advice-changes-nothing');
  const before = await state();
  await analyze([ITEMS_OF_A_PRODUCT, 'SELECT * FROM recalled']);
  await analyze([ITEMS_OF_A_PRODUCT, 'SELECT nothing FROM order_items']);
  await analyze([ITEMS_OF_A_PRODUCT], reader);
  expect(await state()).toEqual(before);
  expect(await costOf(ITEMS_OF_A_PRODUCT)).toBeGreaterThan(100);
});

test.each([
  [
    ['SELECT 1', 'DELETE FROM reviews'],
    'Query 2: Refused before it reached the database: DELETE is not a read',
  ],
  [['SELECT 1; SELECT 2'], 'Query 1: Refused before it reached the database: it has 2 statements'],
  [['SELECT switch_newsletter(1)'], 'the operator has not allowed it'],
  [['SELECT nothing FROM reviews'], 'SQLSTATE 42703'],
  [[], 'must be 1 to 10'],
  [[5], 'must be 1 to 10'],
])('what is no plain read is refused: %j', async (queries, reason) => {
  const { isError, text } = await analyze(queries as string[]);
  expect(isError).toBe(true);
  expect(text).toContain(reason);
});

describe('analyze_workload_indexes', () => {
  test('advises on what ran often, without showing its constants', async () => {
    await database.run('SELECT extensions.pg_stat_statements_reset()');
    for (let n = 0; n < 8; n++)
      await callTool(demo.server, 'execute_sql', {
        sql: `SELECT * FROM order_items WHERE product_id = ${n} AND ordered_at > '2001-09-09'`,
      });
    await callTool(demo.server, 'execute_sql', { sql: 'SELECT * FROM reviews ORDER BY written_on LIMIT 3' });
    const called = await callTool(demo.server, 'analyze_workload_indexes', {});
    expect(recommended(called)).toMatchObject([{ table: 'shop.order_items', queries: [{ number: 1 }] }]);
    expect(recommended(called)[0]?.columns[0]).toBe('product_id');
    expect(called.structured).toMatchObject({
      queries: [{ query: 'SELECT * FROM order_items WHERE product_id = $1 AND ordered_at > $2', weight: 8 }],
      method: expect.stringContaining('generic plans'),
    });
    expect(called.text).not.toContain('2001-09-09');
    const all = await callTool(demo.server, 'analyze_workload_indexes', { min_calls: 1 });
    expect(recommended(all).map(({ table }) => table)).toContain('shop.reviews');
  });

  test('leaves out what it cannot look at, and says why', async () => {
    await database.run(
      'SELECT extensions.pg_stat_statements_reset(); CREATE TABLE shop.gone (id int); GRANT SELECT ON shop.gone TO demo_reader',
    );
    for (let n = 0; n < 6; n++)
      await callTool(demo.server, 'execute_sql', { sql: `SELECT * FROM gone WHERE id = ${n}` });
    await database.run('DROP TABLE shop.gone');
    const { isError, structured } = await callTool(demo.server, 'analyze_workload_indexes', {});
    expect(isError).toBe(false);
    expect(structured).toMatchObject({
      recommendations: [],
      skipped: [{ query: 'SELECT * FROM gone WHERE id = $1', reason: expect.stringContaining('42P01') }],
    });
  });

  test('says what to install when nothing counts statements', async () => {
    await database.run('DROP EXTENSION pg_stat_statements');
    try {
      const { isError, text } = await callTool(demo.server, 'analyze_workload_indexes', {});
      expect(isError).toBe(true);
      expect(text).toContain('CREATE EXTENSION pg_stat_statements');
    } finally {
      await database.run('CREATE EXTENSION pg_stat_statements SCHEMA extensions');
    }
  });
});
