// What the PostgreSQL connector adds to a bare driver, and how long it takes to list a large schema.
import { Client } from 'pg';
import { createPostgresConnector } from '../../src/connectors/postgres/connector.ts';
import type { InProcessServer } from '../../src/mcp/mcp-ports.ts';
import { median } from '../statistics.ts';
import { startDemoDatabase } from './demo-database.ts';

const WARM_UP_CALLS = 200;
const ROUNDS = 20;
const CALLS_A_ROUND = 50;
const LISTINGS = 20;
const TABLES = 1_000;
/** The aims: docs/guide/postgres.md. */
const ADDED_MS_MAX = 1;
const LIST_MS_MAX = 150;

/** One line of the table. */
export interface ConnectorMeasure {
  readonly what: string;
  readonly ms: number;
  /** Of the quietest round: what others do on the machine is least in it. */
  readonly bestMs: number;
  readonly aimMs: number | undefined;
}

/** `SELECT 1` over a bare driver and through the connector in turns; then a listing of 1,000 tables. */
export async function measureConnector(say: (text: string) => void): Promise<readonly ConnectorMeasure[]> {
  await using database = await startDemoDatabase();
  const connector = createPostgresConnector({
    connection: database.target,
    log: { info() {}, warn() {}, error() {} },
    version: 'bench',
    allowWrite: false,
    allowFunctions: [],
  });
  const bare = new Client(database.target);
  await bare.connect();
  try {
    say('SELECT 1');
    const select = (): Promise<unknown> => call(connector.server, 'execute_sql', { sql: 'SELECT 1' });
    const driver = (): Promise<unknown> => bare.query('SELECT 1');
    await repeat(select, WARM_UP_CALLS);
    await repeat(driver, WARM_UP_CALLS);
    const rounds: { readonly bareMs: number; readonly throughMs: number }[] = [];
    for (let round = 0; round < ROUNDS; round++)
      rounds.push({
        bareMs: await repeat(driver, CALLS_A_ROUND),
        throughMs: await repeat(select, CALLS_A_ROUND),
      });
    say(`a schema of ${TABLES} tables`);
    await database.run(`CREATE SCHEMA large; DO $$ BEGIN FOR n IN 1..${TABLES} LOOP
      EXECUTE format('CREATE TABLE large.table_%s (id int PRIMARY KEY, name text)', n); END LOOP; END $$;
      GRANT USAGE ON SCHEMA large TO demo_reader; GRANT SELECT ON ALL TABLES IN SCHEMA large TO demo_reader; ANALYZE`);
    const list = (): Promise<unknown> => call(connector.server, 'list_objects', { schema_name: 'large' });
    await list();
    const listings: number[] = [];
    for (let at = 0; at < LISTINGS; at++) listings.push(await repeat(list, 1));
    return [
      {
        what: '`SELECT 1` over a bare driver',
        ms: median(rounds.map(({ bareMs }) => bareMs)),
        bestMs: Math.min(...rounds.map(({ bareMs }) => bareMs)),
        aimMs: undefined,
      },
      {
        what: '`execute_sql SELECT 1` in-process, more than that',
        ms: median(rounds.map(({ bareMs, throughMs }) => throughMs - bareMs)),
        bestMs: Math.min(...rounds.map(({ bareMs, throughMs }) => throughMs - bareMs)),
        aimMs: ADDED_MS_MAX,
      },
      {
        what: `\`list_objects\` of ${TABLES} tables, warm`,
        ms: median(listings),
        bestMs: Math.min(...listings),
        aimMs: LIST_MS_MAX,
      },
    ];
  } finally {
    await connector.close();
    await bare.end();
  }
}

/** The measures as a table. */
export function connectorReport(measures: readonly ConnectorMeasure[]): string {
  return [
    '| measured | median | quietest round | aim for the median | met |',
    '| --- | --: | --: | --: | --- |',
    ...measures.map(({ what, ms, bestMs, aimMs }) => {
      const aim = aimMs === undefined ? '' : `at most ${aimMs} ms`;
      return `| ${what} | ${ms.toFixed(2)} ms | ${bestMs.toFixed(2)} ms | ${aim} | ${aimMs === undefined ? '' : ms <= aimMs ? 'yes' : 'no'} |`;
    }),
  ].join('\n');
}

/** Milliseconds of one of `count` calls, on the average. */
async function repeat(work: () => Promise<unknown>, count: number): Promise<number> {
  const startedMs = performance.now();
  for (let at = 0; at < count; at++) await work();
  return (performance.now() - startedMs) / count;
}

async function call(server: InProcessServer, name: string, args: object): Promise<void> {
  const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } };
  const answer = await server.handle(Buffer.from(JSON.stringify(request)), new AbortController().signal);
  if (answer === undefined || Buffer.from(answer).includes('"isError":true'))
    throw new Error(`${name} failed: ${Buffer.from(answer ?? []).toString()}`);
}
