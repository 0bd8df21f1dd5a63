import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CalledTool, callTool } from '../../../../test/support/call-tool.ts';
import { openTestDatabase, type TestDatabase } from '../../../../test/support/connector-database.ts';
import { verifies } from '../../../../test/support/verifies.ts';
import { createPostgresConnector, type PostgresConnector } from '../connector.ts';
import { DEMO_ROLE, loadDemo } from '../demo/load-demo.ts';

let database: TestDatabase;
let reader: PostgresConnector;
let superuser: PostgresConnector;

beforeAll(async () => {
  database = await openTestDatabase();
  await loadDemo(database.run);
  const options = {
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
    toolsets: ['performance'],
  };
  reader = createPostgresConnector({ ...options, connection: database.target(DEMO_ROLE) });
  superuser = createPostgresConnector({ ...options, connection: database.target() });
});

afterAll(async () => {
  await reader.close();
  await superuser.close();
  await database[Symbol.asyncDispose]();
});

interface Finding {
  readonly check: string;
  readonly severity: string;
  readonly object: string;
  readonly evidence: string;
  readonly examined_count: number;
  readonly fix: string;
}

interface Check {
  readonly check: string;
  readonly examined_count: number;
  readonly not_seen: string | null;
}

const review = (type: string, server = reader): Promise<CalledTool> =>
  callTool(server.server, 'analyze_db_health', { health_type: type });

async function findings(type: string, server = reader): Promise<readonly Finding[]> {
  return (await review(type, server)).structured['findings'] as readonly Finding[];
}

async function check(name: string, type: string, server = reader): Promise<Check> {
  const checks = (await review(type, server)).structured['checks'] as readonly Check[];
  return checks.find((one) => one.check === name)!;
}

const FLAWS = [
  ['sequence-near-its-end', 'shop.invoice_numbers', 'high'],
  ['sequence-near-its-end', 'shop.reviews_id_seq', 'high'],
  ['constraint-not-validated', 'shop.reviews', 'medium'],
  ['foreign-key-without-index', 'shop.order_items', 'medium'],
  ['duplicate-index', 'shop.reviews_product', 'low'],
  ['unused-index', 'shop.customers_newsletter', 'low'],
];

test.each(['reader', 'superuser'])("finds each of the demo's flaws and nothing else, as %s", async (who) => {
  verifies('postgres:health-finds-flaws');
  const { structured, text } = await review('all', who === 'reader' ? reader : superuser);
  const found = (structured['findings'] as readonly Finding[]).map((one) => [
    one.check,
    one.object,
    one.severity,
  ]);
  expect(found).toHaveLength(FLAWS.length);
  expect(found).toEqual(expect.arrayContaining(FLAWS));
  expect((structured['findings'] as readonly Finding[])[0]?.severity).toBe('high');
  expect(text).toContain('shop.customers_newsletter');
});

test('each finding has its numbers, and SQL that really repairs it', async () => {
  const types = 'index,sequence,constraint';
  const before = await findings(types);
  expect(before.find((one) => one.object === 'shop.invoice_numbers')?.evidence).toMatch(
    /stands at 2147480000, 99 %.*3647 are left/,
  );
  try {
    // As the advice says: a column that a view shows keeps its type.
    await database.run('DROP VIEW shop.recalled');
    for (const { fix } of before) {
      for (const statement of fix.replaceAll(/--.*$/gm, '').split(';'))
        if (statement.trim() !== '') await database.run(statement);
    }
    expect(await findings(types)).toEqual([]);
  } finally {
    await database.run("COMMENT ON SCHEMA shop IS 'to be loaded anew'");
    await loadDemo(database.run);
  }
  expect(await findings(types)).toHaveLength(before.length);
});

test('each check says what it examined, and what it could not see', async () => {
  verifies('postgres:health-says-what-it-saw');
  const { structured, text } = await review('all');
  for (const one of structured['checks'] as readonly Check[])
    expect(text).toContain(`${one.check}: examined ${one.examined_count} `);
  // Nothing in the demo is large: no bloat was found because nothing was examined, and that is what is said.
  expect(await check('bloat', 'bloat')).toMatchObject({
    examined_count: 0,
    not_seen: expect.stringMatching(/\d+ are smaller/),
  });
  expect(await check('long-transactions', 'connection')).toMatchObject({
    not_seen: expect.stringContaining('pg_read_all_stats'),
  });
  expect(await check('long-transactions', 'connection', superuser)).toMatchObject({ not_seen: null });
});

test('a sequence that the role may not read is counted as not seen', async () => {
  await database.run('CREATE SEQUENCE shop.secret_numbers AS smallint START 32700');
  try {
    expect((await findings('sequence')).map(({ object }) => object)).not.toContain('shop.secret_numbers');
    expect(await check('sequence-near-its-end', 'sequence')).toMatchObject({
      not_seen: expect.stringMatching(/^1 sequences may not be read/),
    });
    expect((await findings('sequence', superuser)).map(({ object }) => object)).toContain(
      'shop.secret_numbers',
    );
  } finally {
    await database.run('DROP SEQUENCE shop.secret_numbers');
  }
});

test('a wide sequence for a narrow column ends where the column ends; a cycle never ends', async () => {
  await database.run(`CREATE TABLE shop.narrow (id smallint); CREATE SEQUENCE shop.wide_numbers OWNED BY shop.narrow.id; SELECT setval('shop.wide_numbers', 30000);
    CREATE SEQUENCE shop.down AS integer INCREMENT -1 MINVALUE -100 MAXVALUE -1 START -99; CREATE SEQUENCE shop.around AS smallint MAXVALUE 10 START 10 CYCLE`);
  try {
    const found = await findings('sequence', superuser);
    expect(found.map(({ object, severity }) => [object, severity])).toEqual([
      ['shop.down', 'high'],
      ['shop.invoice_numbers', 'high'],
      ['shop.reviews_id_seq', 'high'],
      ['shop.wide_numbers', 'high'],
    ]);
    expect(found.at(-1)?.evidence).toContain('for shop.narrow.id');
  } finally {
    await database.run('DROP TABLE shop.narrow; DROP SEQUENCE shop.down, shop.around');
  }
});

test('an index that could not be built, and disabled foreign keys, are found', async () => {
  await database.run(
    'CREATE TABLE shop."odd ""one" (id int, parent int REFERENCES shop.customers); INSERT INTO shop."odd ""one" VALUES (1), (1)',
  );
  await database
    .run('CREATE UNIQUE INDEX CONCURRENTLY "Un""built" ON shop."odd ""one" (id)')
    .catch(() => undefined);
  await database.run('ALTER TABLE shop."odd ""one" DISABLE TRIGGER ALL');
  try {
    const found = await findings('index,constraint', superuser);
    expect(found).toContainEqual(
      expect.objectContaining({ check: 'invalid-index', object: 'shop."Un""built"', severity: 'high' }),
    );
    expect(found).toContainEqual(
      expect.objectContaining({ check: 'foreign-key-switched-off', object: 'shop."odd ""one"' }),
    );
  } finally {
    await database.run('DROP TABLE shop."odd ""one"');
  }
});

test('dead rows, switched-off autovacuum, missing statistics and bloat are found', async () => {
  await database.run(`CREATE TABLE shop.worn (id int, filler text) WITH (autovacuum_enabled = off);
    INSERT INTO shop.worn SELECT n, repeat('x', 200) FROM generate_series(1, 90000) AS n`);
  try {
    await database.run('SELECT pg_stat_force_next_flush()');
    expect((await findings('vacuum', superuser)).map(({ evidence }) => evidence)).toEqual([
      'autovacuum is switched off for it',
      expect.stringContaining('never analysed'),
    ]);
    await database.run('ANALYZE shop.worn');
    expect(await findings('bloat', superuser)).toEqual([]);
    await database.run('DELETE FROM shop.worn WHERE id > 20000');
    await database.run('ANALYZE shop.worn; SELECT pg_stat_force_next_flush()');
    const found = await findings('vacuum,bloat', superuser);
    expect(found.map((one) => one.check).toSorted()).toEqual(['bloat', 'table-vacuum', 'table-vacuum']);
    expect(found.find((one) => one.check === 'bloat')).toMatchObject({
      object: 'shop.worn',
      examined_count: 1,
    });
  } finally {
    await database.run('DROP TABLE shop.worn');
  }
});

test('health_type takes several, and names what there is not', async () => {
  const { structured } = await review('sequence, constraint');
  expect((structured['checks'] as readonly { readonly type: string }[]).map(({ type }) => type)).toEqual([
    'sequence',
    'constraint',
    'constraint',
  ]);
  const { isError, text } = await review('index,disk');
  expect(isError).toBe(true);
  expect(text).toContain('names "disk", which there is not');
});
