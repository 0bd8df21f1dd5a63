import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEMO_ROLE } from '../../src/connectors/postgres/demo/load-demo.ts';
import { LayeredReader } from '../support/layered-reader.ts';
import { postgresPrograms } from '../support/own-postgres.ts';
import { verifies } from '../support/verifies.ts';
import { leakIn, openWitnessedDatabase, type WitnessedDatabase } from '../support/witnessed-database.ts';
import { ACCEPTED, REFUSED } from './corpus.ts';
import { LAYERS, type Layer } from './corpus-class.ts';

const CORPUS_MS = 280_000;
/** The corpus is written for servers from this one on. */
const SYNTAX_OF = 150_000;
/** Statements of it that an older server does not know. */
const MISSING_MAX = 15;

/** Whether a function, type or syntax is not there yet. */
const isMissing = (by: string, said: string): boolean =>
  (by === 'catalogue' && said.startsWith('there is no function')) ||
  (by === 'server' && /^(?:42601|42704|42804) /.test(said));

const shown = (sql: string): string => JSON.stringify(sql.slice(0, 120));

test('there are at least 300 refused and 150 accepted statements, each of its own, in classes', () => {
  verifies('postgres:corpus');
  const refused = REFUSED.flatMap((one) => one.statements);
  const accepted = ACCEPTED.flatMap((one) => one.statements);
  expect(new Set(refused).size).toBe(refused.length);
  expect(new Set(accepted).size).toBe(accepted.length);
  expect(refused.length).toBeGreaterThanOrEqual(300);
  expect(accepted.length).toBeGreaterThanOrEqual(150);
});

describe.each(postgresPrograms())('on PostgreSQL $name', (program) => {
  let database: WitnessedDatabase;
  let reader: LayeredReader;
  let version: number;

  beforeAll(async () => {
    database = await openWitnessedDatabase(program);
    const [row] = await database.server.run('SHOW server_version_num');
    version = Number(row?.['server_version_num']);
    reader = new LayeredReader(database.server.target(DEMO_ROLE), database.server.target());
  });

  afterAll(async () => {
    await reader[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  test(
    'every refused statement is refused before it reaches the server, with the reason of its class',
    async () => {
      const wrong: string[] = [];
      for (const { name, refusal, statements } of REFUSED)
        for (const sql of statements) {
          const { by, said } = await reader.run(sql);
          const reason = version < SYNTAX_OF && isMissing(by, said);
          if (!['text', 'grammar', 'catalogue'].includes(by) || !(reason || refusal.test(said)))
            wrong.push(`${name}: ${shown(sql)} => ${by}: ${said.slice(0, 200)}`);
        }
      expect(wrong).toEqual([]);
    },
    CORPUS_MS,
  );

  test(
    'every accepted statement runs and gives rows, and changes nothing',
    async () => {
      const before = await database.state();
      const wrong: string[] = [];
      let missing = 0;
      for (const { name, statements } of ACCEPTED)
        for (const sql of statements) {
          const { by, said } = await reader.run(sql);
          if (version < SYNTAX_OF && isMissing(by, said)) missing++;
          else if (by !== 'ran' || said === '[]')
            wrong.push(`${name}: ${shown(sql)} => ${by}: ${said.slice(0, 200)}`);
        }
      expect(wrong).toEqual([]);
      expect(missing).toBeLessThan(MISSING_MAX);
      expect(await database.state()).toBe(before);
    },
    CORPUS_MS,
  );

  test.each(LAYERS)(
    'without the layer %s, a class does harm only where it says that it rests on it',
    async (without) => {
      verifies('postgres:layers');
      const { harmed, details } = await harmWithout(without);
      const declared = REFUSED.filter(({ restsOn }) => {
        const rest = restsOn?.[without];
        return rest !== undefined && version < (rest.beforeVersion ?? Number.POSITIVE_INFINITY);
      }).map((one) => one.name);
      expect(harmed, details.join('\n')).toEqual(declared);
    },
    CORPUS_MS,
  );

  /** Classes of which some statement changed something, gave something away, or did not end. */
  async function harmWithout(
    without: Layer,
  ): Promise<{ readonly harmed: string[]; readonly details: string[] }> {
    const harmed: string[] = [];
    const details: string[] = [];
    let before = await database.glance();
    const stateBefore = await database.state();
    for (const { name, statements } of REFUSED) {
      for (const sql of statements) {
        const { by, said } = await reader.run(sql, without);
        if (['text', 'grammar', 'catalogue'].includes(by)) continue;
        const after = await database.settled(before);
        const harm =
          by === 'ran' && leakIn(said) !== undefined ? leakIn(said) : after === before ? undefined : after;
        before = after;
        if (harm === undefined) continue;
        if (!harmed.includes(name)) harmed.push(name);
        details.push(`${name}: ${shown(sql)} => ${by} ${said.slice(0, 100)}: ${harm}`);
      }
    }
    // What a glance does not see must not have changed at all.
    const strip = (state: string): unknown => (JSON.parse(state) as unknown[]).slice(1);
    expect(strip(await database.state())).toEqual(strip(stateBefore));
    return { harmed, details };
  }
});
