import { expect, test } from 'vitest';
import { createPostgresConnector } from '../../src/connectors/postgres/connector.ts';
import { callTool } from '../support/call-tool.ts';
import { openOwnServer, type PostgresProgram, postgresPrograms } from '../support/own-postgres.ts';
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts';
import { verifies } from '../support/verifies.ts';

// As fuzz.test.ts, with the same variables: statements that all try to show one masked value.
const STATEMENTS = Number(process.env['LANPORT_FUZZ_STATEMENTS'] ?? 4_000);
const SEED = Number(process.env['LANPORT_FUZZ_SEED'] ?? 20_261_121);
const TEST_MS = 4 * 3_600_000;
const LANES = 4;
const SECRET = 'canary';

const SETUP = `
  CREATE TABLE people (id int, name text, email text); INSERT INTO people VALUES (1, 'Ann', '${SECRET}'), (2, 'Bob', NULL);
  CREATE TABLE orders (id int, people_id int); INSERT INTO orders VALUES (7, 1);
  CREATE VIEW mails AS SELECT id, email AS contact, upper(email) AS loud FROM people;
  CREATE VIEW joined AS SELECT o.id, m.contact AS c2 FROM orders AS o JOIN mails AS m ON m.id = o.people_id;`;

const WITH = [
  '',
  '',
  '',
  'EXPLAIN ANALYZE ',
  'WITH z AS (SELECT * FROM mails) ',
  'WITH c AS (SELECT id, contact AS email FROM mails) ',
];
const FROM = [
  'people AS c',
  'mails AS c',
  'joined AS c',
  'people AS c JOIN orders AS o ON o.people_id = c.id',
  '(SELECT * FROM people) AS c',
  '(SELECT id, name FROM people) AS c',
  '(TABLE mails) AS c',
  'people AS c(a, b, d)',
  'people AS c, LATERAL (SELECT c.name) AS q',
  'c',
  'z',
];
const SHOWN = [
  ...[
    'email',
    'c.email',
    'contact',
    'c.contact',
    'loud',
    'c2',
    'c',
    'c.*',
    '*',
    'c.id',
    'name',
    'a',
    'b',
    'd',
    'q',
  ],
  ...[
    'row_to_json(c)',
    '(c).email',
    '(c).*',
    'to_jsonb(c)',
    'c::text',
    'c.text',
    'count(*)',
    'max(name)',
    'max(email)',
  ],
  ...[
    'c.id AS email',
    'email AS id',
    '(SELECT contact)',
    '(SELECT max(loud) FROM mails)',
    'name::int',
    'email::int',
  ],
  ...[
    'ARRAY(SELECT x FROM people AS x)',
    "JSON_OBJECT('a': email)",
    'coalesce(email)',
    'upper(contact)',
    'email || name',
  ],
];
const REST = [
  ...[
    '',
    '',
    '',
    ' WHERE c.id = 1',
    " WHERE email LIKE 'c%'",
    ' WHERE c IS NOT NULL',
    ' ORDER BY 1',
    ' ORDER BY email',
  ],
  ...[
    ' GROUP BY 1',
    ' GROUP BY c',
    ' LIMIT 1',
    ' UNION ALL SELECT email FROM people',
    ' UNION SELECT contact FROM mails',
  ],
  ...[' INTERSECT SELECT name FROM people', ' EXCEPT SELECT c2 FROM joined'],
];

function statement(random: SeededRandom): string {
  const shown = Array.from({ length: 1 + random.int(3) }, () => random.pick(SHOWN)).join(', ');
  return `${random.pick(WITH)}SELECT ${shown} FROM ${random.pick(FROM)}${random.pick(REST)}`;
}

test.each(postgresPrograms())(
  'no statement shows a masked value on PostgreSQL $name',
  async (program) => {
    verifies('postgres:masking');
    const { ran, leaks } = await hunt(program);
    expect(leaks, `seed ${SEED}`).toEqual([]);
    expect(ran).toBeGreaterThan(STATEMENTS / 100);
  },
  TEST_MS,
);

async function hunt(
  program: PostgresProgram,
): Promise<{ readonly ran: number; readonly leaks: readonly string[] }> {
  await using server = await openOwnServer(program);
  await server.run(SETUP);
  const connector = createPostgresConnector({
    connection: server.target(),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
    safety: { mask: ['email'] },
  });
  const random = seededRandom(SEED);
  const leaks: string[] = [];
  let ran = 0;
  let left = STATEMENTS;
  const lane = async (): Promise<void> => {
    for (; left > 0; left--) {
      const sql = statement(random);
      const { text, isError, structured } = await callTool(connector.server, 'execute_sql', { sql });
      if (!isError) ran++;
      if (`${text}${JSON.stringify(structured)}`.toLowerCase().includes(SECRET)) leaks.push(sql);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await connector.close();
  return { ran, leaks };
}
