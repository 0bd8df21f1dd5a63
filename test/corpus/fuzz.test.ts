import { expect, test } from 'vitest';
import { createPostgresConnector, type PostgresConnector } from '../../src/connectors/postgres/connector.ts';
import { DEMO_ROLE } from '../../src/connectors/postgres/demo/load-demo.ts';
import { callTool } from '../support/call-tool.ts';
import { type PostgresProgram, postgresPrograms } from '../support/own-postgres.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { SqlMutations } from '../support/sql-mutations.ts';
import { verifies } from '../support/verifies.ts';
import { openWitnessedDatabase, type WitnessedDatabase } from '../support/witnessed-database.ts';

// LANPORT_FUZZ_STATEMENTS=100000 LANPORT_FUZZ_SEED=7 npm test -- test/corpus/fuzz.test.ts
const STATEMENTS = Number(process.env['LANPORT_FUZZ_STATEMENTS'] ?? 0);
const SEED = Number(process.env['LANPORT_FUZZ_SEED'] ?? 20_261_121);
/** When no number of statements is asked for: how long each server is worked on. */
const TIME_MS = 15_000;
const TEST_MS = STATEMENTS > 0 ? 4 * 3_600_000 : 120_000;
const BATCH = 400;
const LANES = 4;

test.each(postgresPrograms())(
  'no statement made from the corpus or the grammar changes anything on PostgreSQL $name, and the connector lives',
  async (program) => {
    verifies('postgres:fuzz');
    const { counts, culprits } = await fuzz(program);
    if (STATEMENTS > 0)
      process.stderr.write(`fuzz on ${program.name}, seed ${SEED}: ${JSON.stringify(counts)}\n`);
    expect(culprits, `seed ${SEED}`).toEqual([]);
    // Otherwise nothing but the refusals would have been tried.
    expect(counts.ran).toBeGreaterThan(counts.all / 50);
    expect(counts.refused).toBeGreaterThan(counts.all / 10);
  },
  TEST_MS,
);

interface Counts {
  all: number;
  /** Before the server saw it. */
  refused: number;
  /** By the server, or by a bound. */
  failed: number;
  ran: number;
}

async function fuzz(
  program: PostgresProgram,
): Promise<{ readonly counts: Counts; readonly culprits: string[] }> {
  await using database = await openWitnessedDatabase(program);
  await using reader = open(database, DEMO_ROLE);
  // Nothing but the guard and the transaction stands before this one.
  await using superuser = open(database, undefined);
  const names = await database.server.run('SELECT DISTINCT proname::text AS name FROM pg_proc ORDER BY 1');
  const make = new SqlMutations(
    seededRandom(SEED),
    names.map(({ name }) => String(name)),
  );
  const counts: Counts = { all: 0, refused: 0, failed: 0, ran: 0 };
  const run = async (sql: string, connector: PostgresConnector): Promise<void> => {
    counts.all++;
    const { isError, text } = await callTool(connector.server, 'execute_sql', { sql });
    if (!isError) counts.ran++;
    else if (text.startsWith('Refused before it reached the database')) counts.refused++;
    else counts.failed++;
  };
  // What a connector reads when it starts is done with.
  for (const connector of [reader, superuser])
    await callTool(connector.server, 'execute_sql', { sql: 'SELECT 1' });
  const whole = await database.state();
  let glance = await database.glance();
  const culprits: string[] = [];
  const startedMs = performance.now();
  while (STATEMENTS > 0 ? counts.all < STATEMENTS : performance.now() - startedMs < TIME_MS) {
    const batch = Array.from(
      { length: BATCH },
      (_, at) => [make.next(), at % 2 === 0 ? superuser : reader] as const,
    );
    const waiting = [...batch];
    await Promise.all(
      Array.from({ length: LANES }, async () => {
        for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await run(...next);
      }),
    );
    if ((await database.settled(glance)) === glance) continue;
    // One of them did it: each again, alone, to name it.
    glance = await database.glance();
    culprits.push(`(one of ${batch.length})`);
    for (const [sql, connector] of batch) {
      await run(sql, connector);
      if ((await database.settled(glance)) === glance) continue;
      const now = await database.glance();
      culprits.push(
        `${JSON.stringify(sql)} as ${connector === superuser ? 'superuser' : 'reader'}: ${glance} -> ${now}`,
      );
      glance = now;
    }
    if (culprits.length > 0) break;
  }
  for (const connector of [reader, superuser]) {
    const { structured } = await callTool(connector.server, 'execute_sql', { sql: 'SELECT 1 AS one' });
    expect(structured['rows']).toEqual([[1]]);
  }
  await database.settled(glance);
  if (culprits.length === 0) expect(await database.state()).toBe(whole);
  return { counts, culprits };
}

function open(database: WitnessedDatabase, role: string | undefined): PostgresConnector & AsyncDisposable {
  const connector = createPostgresConnector({
    connection: database.server.target(role),
    log: { info() {}, warn() {}, error() {} },
    version: '1.0.0',
    allowWrite: false,
    allowFunctions: [],
    safety: { statementTimeoutMs: 250 },
  });
  return { ...connector, [Symbol.asyncDispose]: connector.close };
}
