import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callTool } from '../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../test/support/connector-database.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { createPostgresConnector, type PostgresConnector } from './connector.ts';
import { DEMO_ROLE, loadDemo } from './demo/load-demo.ts';
import { parseMaskRules } from './mask-rules.ts';
import { readSafety } from './safety.ts';

/** The one value that must not be seen, in whatever form. */
const SECRET = 'hidden.person@example.com';

let database: TestDatabase;
let connector: PostgresConnector;

beforeAll(async () => {
  database = await openTestDatabase();
  await loadDemo(database.run);
  await database.run(`
    CREATE ROLE told; ALTER ROLE told LOGIN; ALTER ROLE told SET app.secret = '${SECRET}';
    UPDATE shop.customers SET email = '${SECRET}', phone = '555-0199' WHERE id = 1;
    CREATE TABLE shop.hosts (id int, address inet, note text); INSERT INTO shop.hosts VALUES (1, '10.9.8.7', 'web'), (2, NULL, 'none');
    CREATE VIEW shop.contacts AS SELECT id, email FROM shop.customers;
    CREATE VIEW shop.renamed AS SELECT id, email AS contact, name FROM shop.customers;
    CREATE VIEW shop.renamed_again AS SELECT r.contact AS address, r.id FROM shop.renamed AS r JOIN shop.categories AS g ON true WHERE g.id = 1;
    CREATE VIEW shop.computed AS SELECT id, upper(email) AS shouted, name || '' AS label FROM shop.customers;
    CREATE VIEW shop.united AS SELECT id, name AS x FROM shop.customers UNION ALL SELECT id, email FROM shop.customers;
    CREATE VIEW shop.whole AS SELECT id, row_to_json(c) AS everything FROM shop.customers AS c;
    CREATE VIEW shop.nested AS WITH q AS (SELECT id, email AS z FROM shop.customers) SELECT id, (SELECT q2.z FROM q AS q2 WHERE q2.id = q.id) AS y, z FROM q;
    CREATE VIEW shop."odd (} \\ name" AS SELECT id, '{TARGETENTRY :resno 1 (' AS ":resorigtbl 0}", email AS "a { b" FROM shop.customers;
    CREATE VIEW shop.reachable AS SELECT id, name FROM shop.customers WHERE email IS NOT NULL;
    CREATE MATERIALIZED VIEW shop.kept AS SELECT id, contact AS who FROM shop.renamed;
    CREATE TABLE shop.people (id int, mail text, folded text GENERATED ALWAYS AS (lower(mail)) STORED) PARTITION BY RANGE (id);
    CREATE TABLE shop.people_1 PARTITION OF shop.people FOR VALUES FROM (0) TO (10);
    INSERT INTO shop.people VALUES (1, '${SECRET}');
    GRANT SELECT ON ALL TABLES IN SCHEMA shop TO ${DEMO_ROLE}; ANALYZE`);
  connector = createPostgresConnector({
    connection: database.target(DEMO_ROLE),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
    toolsets: ['all'],
    safety: { mask: ['email', 'shop.customers.phone', '/salary/', 'type:inet', 'people.mail'] },
  });
});

afterAll(async () => {
  await connector.close();
  await database[Symbol.asyncDispose]();
});

describe('masked columns', () => {
  test.each([
    ['SELECT email FROM customers WHERE id = 1', [['[masked]']]],
    ['SELECT id, email AS contact, phone FROM customers WHERE id = 1', [[1, '[masked]', '[masked]']]],
    [
      'SELECT c.email FROM shop.customers AS c JOIN orders AS o ON o.customer_id = c.id WHERE c.id = 1 LIMIT 1',
      [['[masked]']],
    ],
    ['SELECT * FROM contacts WHERE id = 1', [[1, '[masked]']]],
    [
      'SELECT * FROM hosts ORDER BY id',
      [
        [1, '[masked]', 'web'],
        [2, null, 'none'],
      ],
    ],
    ['SELECT salary FROM employees LIMIT 1', [['[masked]']]],
    ['SELECT id, contact FROM renamed WHERE id = 1', [[1, '[masked]']]],
    ['SELECT * FROM renamed_again WHERE id = 1', [['[masked]', 1]]],
    ['SELECT id, shouted FROM computed WHERE id = 1', [[1, '[masked]']]],
    ['SELECT x FROM united WHERE id = 1 LIMIT 1', [['[masked]']]],
    ['SELECT * FROM whole WHERE id = 1', [[1, '[masked]']]],
    ['SELECT * FROM nested WHERE id = 1', [[1, '[masked]', '[masked]']]],
    ['SELECT "a { b" FROM "odd (} \\ name" WHERE id = 1', [['[masked]']]],
    ['SELECT id, name IS NULL FROM reachable WHERE id = 1', [[1, false]]],
    ['SELECT * FROM kept WHERE id = 1', [[1, '[masked]']]],
    ['SELECT * FROM people', [[1, '[masked]', '[masked]']]],
    ['SELECT * FROM people_1', [[1, '[masked]', '[masked]']]],
    ["SELECT count(*) > 0 AS known FROM pg_stat_activity WHERE state = 'active'", [[true]]],
    ['SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()', [['[masked]']]],
    ["SELECT rolconfig FROM pg_roles WHERE rolname = 'told'", [['[masked]']]],
    ["SELECT usename, useconfig FROM pg_user WHERE usename = 'told'", [['told', '[masked]']]],
    ['SELECT id, email FROM customers WHERE id = 1 ORDER BY 1, id', [[1, '[masked]']]],
    ['SELECT count(*) FROM customers WHERE id = 1', [[1]]],
    ['SELECT DISTINCT id, name IS NULL FROM customers WHERE id = 1', [[1, false]]],
    ['SELECT id, count(*) FROM customers WHERE id = 1 GROUP BY GROUPING SETS ((1))', [[1, 1]]],
    ['SELECT note FROM (SELECT note FROM hosts WHERE id = 1) AS h', [['web']]],
    ['SELECT upper(name) FROM (SELECT * FROM categories WHERE id = 1) AS c', undefined],
  ])('are masked, and the rest is not: %s', async (sql, rows) => {
    verifies('postgres:masking');
    const { structured, text, isError } = await callTool(connector.server, 'execute_sql', { sql });
    expect(isError, text).toBe(false);
    if (rows !== undefined) expect(structured['rows']).toEqual(rows);
    expect(text).not.toContain(SECRET);
  });

  test.each([
    'SELECT upper(email) FROM customers',
    "SELECT email || '' FROM customers",
    'SELECT email::text FROM customers',
    'SELECT (email) COLLATE "C" FROM customers',
    "SELECT id FROM customers WHERE email LIKE 'h%'",
    'SELECT id FROM customers ORDER BY email',
    'SELECT count(*) FROM customers GROUP BY email',
    'SELECT x FROM (SELECT email AS x FROM customers) AS s',
    'SELECT upper(x) FROM (SELECT * FROM customers) AS s(a, b, x)',
    'SELECT upper(b) FROM customers AS c(a, b, x, y)',
    'SELECT c FROM customers AS c WHERE id = 1',
    'SELECT customers FROM customers WHERE id = 1',
    'SELECT row_to_json(c) FROM customers AS c WHERE id = 1',
    'SELECT to_jsonb(c.*) FROM customers AS c WHERE id = 1',
    'SELECT c::text FROM customers AS c WHERE id = 1',
    'SELECT (c).email FROM customers AS c WHERE id = 1',
    'SELECT ((c)).* FROM customers AS c WHERE id = 1',
    'SELECT email(c) FROM customers AS c WHERE id = 1',
    'SELECT email FROM customers WHERE id = 1 UNION ALL SELECT NULL',
    'SELECT * FROM customers WHERE id = 1 UNION ALL SELECT * FROM customers WHERE id = 1',
    'WITH x AS (SELECT * FROM customers) SELECT * FROM x WHERE id = 1',
    'WITH x AS (TABLE customers) SELECT id FROM x',
    'SELECT (SELECT email FROM customers WHERE id = 1)',
    'SELECT ARRAY(SELECT email FROM customers WHERE id = 1)',
    'SELECT string_agg(email, $$,$$) FROM customers',
    'SELECT min(email) FROM customers',
    'SELECT first_value(email) OVER () FROM customers',
    "SELECT id FROM customers JOIN (VALUES ('a')) AS v(email) USING (email)",
    "SELECT id FROM customers NATURAL JOIN (VALUES ('a')) AS v(email)",
    'SELECT s.* FROM customers AS c, LATERAL (SELECT c.email AS y) AS s WHERE c.id = 1',
    'SELECT j.* FROM (customers AS c JOIN orders AS o ON o.customer_id = c.id) AS j(a, b, x)',
    'SELECT JSON_OBJECT($$a$$: email) FROM customers',
    'SELECT CASE WHEN email IS NULL THEN 1 END FROM customers',
    "SELECT most_common_vals FROM pg_stats WHERE tablename = 'customers'",
    'SELECT host(address) FROM hosts',
    "EXPLAIN SELECT id FROM customers WHERE email > 'h'",
    'SELECT upper(contact) FROM renamed',
    'SELECT lower(who) FROM kept',
    'SELECT x FROM (SELECT address AS x FROM renamed_again) AS s',
    'SELECT folded || $$$$ FROM people_1',
    'SELECT array_to_string(rolconfig, $$,$$) FROM pg_roles',
    'SELECT r FROM pg_roles AS r',
    'SELECT id, email FROM customers ORDER BY 2',
    'SELECT id, email AS e FROM customers ORDER BY id, e DESC',
    'SELECT * FROM customers ORDER BY 3',
    'SELECT DISTINCT ON (2) id, email FROM customers',
    'SELECT upper(query) FROM pg_stat_activity',
    'SELECT pg_stat_get_activity(NULL)',
    'SELECT pg_stat_get_backend_activity(1)',
    'SELECT email, count(*) FROM customers GROUP BY 1',
    'SELECT email AS x FROM customers GROUP BY ROLLUP (1)',
    'SELECT email AS x FROM customers GROUP BY ROLLUP (x)',
    'SELECT id, email AS x FROM customers GROUP BY CUBE (id, (id, x))',
    'SELECT email AS x FROM customers GROUP BY GROUPING SETS ((1))',
    'SELECT id, email AS x FROM customers GROUP BY GROUPING SETS (1, ROLLUP (1, 2))',
    'SELECT id, email AS x FROM customers GROUP BY (1, 2)',
    'SELECT * FROM customers GROUP BY ROLLUP (3)',
    'SELECT DISTINCT email FROM customers',
    'SELECT DISTINCT id, c.email AS x FROM customers AS c',
    'SELECT DISTINCT * FROM customers',
  ])('cannot be seen in another form: %s', async (sql) => {
    const { text, isError } = await callTool(connector.server, 'execute_sql', { sql });
    expect(isError, text).toBe(true);
    expect(text).toMatch(/^Refused before it reached the database: /);
    expect(text).not.toContain(SECRET);
  });

  test('are masked in sampled rows, and in no answer of any reading tool', async () => {
    const sampled = await callTool(connector.server, 'sample_rows', { object_name: 'customers', rows: 100 });
    expect(sampled.isError, sampled.text).toBe(false);
    expect(sampled.text).toContain('[masked]');
    for (const [tool, args] of [
      ['sample_rows', { object_name: 'customers', rows: 100 }],
      ['get_object_details', { object_name: 'customers' }],
      ['search_objects', { query: 'email' }],
      ['explain_query', { sql: 'SELECT email FROM customers WHERE id = 1', analyze: true }],
    ] as const) {
      const { text, structured } = await callTool(connector.server, tool, args);
      expect(text + JSON.stringify(structured), tool).not.toContain(SECRET);
    }
  });

  test('are masked from the first moment in views and columns that are made while it works', async () => {
    const ask = async (sql: string): Promise<string> =>
      (await callTool(connector.server, 'execute_sql', { sql })).text;
    await ask('SELECT 1');
    const grant = `GRANT SELECT ON ALL TABLES IN SCHEMA shop TO ${DEMO_ROLE}`;
    await database.run(`CREATE VIEW shop.later AS SELECT id, name AS x FROM shop.customers; ${grant}`);
    expect(await ask('SELECT upper(x) FROM later WHERE id = 1')).toContain('call again');
    expect(await ask('SELECT upper(x) FROM later WHERE id = 1')).toContain('1 row.');
    await database.run('CREATE OR REPLACE VIEW shop.later AS SELECT id, email AS x FROM shop.customers');
    expect(await ask('SELECT upper(x) FROM later WHERE id = 1')).toContain('call again');
    expect(await ask('SELECT upper(x) FROM later WHERE id = 1')).toContain('column x is masked');
    expect(await ask('SELECT x FROM later WHERE id = 1')).toContain('[masked]');
    await database.run("ALTER TABLE shop.hosts ADD COLUMN other inet DEFAULT '10.9.8.7'");
    expect(await ask('SELECT other FROM hosts')).toContain('call again');
    expect(await ask('SELECT other FROM hosts')).not.toContain('10.9.8.7');
    await database.run('DROP VIEW shop.later');
  });

  test('are masked in what a writing statement returns', async () => {
    await using writer = createPostgresConnectorFor(undefined);
    const returned = await callTool(writer.server, 'execute_write', {
      sql: 'UPDATE shop.customers SET newsletter = newsletter WHERE id = 1 RETURNING id',
    });
    expect(returned.structured['rows']).toEqual([[1]]);
    const refused = await callTool(writer.server, 'execute_write', {
      sql: 'UPDATE shop.customers SET name = NULL WHERE id = 1',
    });
    expect(refused.text).toContain('23502');
    expect(refused.text).not.toContain(SECRET);
    for (const list of ['email', 'upper(email)', '*', 'customers']) {
      const sql = `UPDATE shop.customers SET newsletter = newsletter WHERE id = 1 RETURNING ${list}`;
      const { text, structured } = await callTool(writer.server, 'execute_write', { sql });
      expect(text + JSON.stringify(structured), list).not.toContain(SECRET);
    }
  });
});

function createPostgresConnectorFor(role: string | undefined): PostgresConnector & AsyncDisposable {
  const made = createPostgresConnector({
    connection: database.target(role),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: true,
    allowFunctions: [],
    safety: { mask: ['email'] },
  });
  return { ...made, [Symbol.asyncDispose]: made.close };
}

test.each(['a b', 'a.b.c.d', '/(/', '.x', ''])(
  'a rule that is none is refused with how to write it: %j',
  (rule) => {
    expect(() => parseMaskRules([rule])).toThrow(/mask: .*write column, table\.column/);
  },
);

describe('the environment', () => {
  test('sets limits, with units', () => {
    verifies('postgres:safety-options');
    expect(
      readSafety({
        MCP_STATEMENT_TIMEOUT: '2min',
        MCP_LOCK_TIMEOUT: '500ms',
        MCP_IDLE_TIMEOUT: '5',
        MCP_SEARCH_PATH: 'shop, public',
        MCP_MASK: 'email,type:inet',
        MCP_MAX_COST: '1e5',
        MCP_MAX_ROWS_ESTIMATED: '1000',
      }),
    ).toEqual({
      statementTimeoutMs: 120_000,
      lockTimeoutMs: 500,
      idleTimeoutMs: 5_000,
      searchPath: ['shop', 'public'],
      mask: ['email', 'type:inet'],
      maxCost: 100_000,
      maxEstimatedRows: 1_000,
    });
  });

  test.each([
    ['MCP_STATEMENT_TIMEOUT', '0'],
    ['MCP_LOCK_TIMEOUT', 'soon'],
    ['MCP_IDLE_TIMEOUT', '-1s'],
    ['MCP_MAX_COST', '0'],
    ['MCP_MAX_ROWS_ESTIMATED', 'many'],
  ])('a value that is none is refused, with its name: %s=%s', (name, value) => {
    expect(() => readSafety({ [name]: value })).toThrow(new RegExp(`${name} is "${value}": write`));
  });
});
