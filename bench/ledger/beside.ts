// What calls through a gateway feel of other gateways that record into the same database.
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { EMBEDDED_SETTINGS } from '../../src/store/pg/embedded.ts';
import { openOwnServer, postgresPrograms } from '../../test/support/own-postgres.ts';
import type { BenchRun } from '../bench-run.ts';
import { HEADERS, startGateway } from '../gateway.ts';
import { type Load, measured } from '../measure.ts';
import type { BenchOptions } from '../options.ts';
import { POLICY, REAL_TIME, readyLine, requirePolicy, runJob, startProcess, YIELDING } from '../processes.ts';
import { median, ratioInterval } from '../statistics.ts';
import type { LedgerMeasure } from './measures.ts';

const ROWS_PER_SECOND = 5_000;
/** Far from what the gateway can do: what is asked is how long a call takes, and not how many there can be. */
const CALLS_PER_SECOND = 300;
/** The aims: what is measured is for nothing when less is stored. */
const STORED_SHARE_MIN = 0.98;
const RATIO_MAX = 1.1;
const US_IN_MS = 1_000;
const MS_IN_S = 1_000;
/** From so many repeats on, the interval that they give holds what it says. */
const SURE_REPEATS_MIN = 5;
/** What a query, or a request to another service, takes. */
const LASTING_MS = 50;

interface Latency {
  readonly p50Us: number;
  readonly p99Us: number;
}

/** One period of calls, with the others' rows or without. */
interface Period extends Latency {
  /** The same calls straight to the server: what the machine does to anybody. */
  readonly direct: Latency;
  /** Calls of a tool that takes a while. */
  readonly lasting: Latency;
  /** What the gateway itself took of each of the calls: all of it without the server's time. */
  readonly own: Latency;
  readonly rowsPerSecond: number;
}

/** Who has the processors of this machine. */
interface Place {
  readonly title: string;
  /** Whether the gateway has real-time scheduling. */
  readonly isRealTime: boolean;
  /** Whether the client and the other gateway stand for other machines: nobody takes processors from the one, and the other takes them from nobody. */
  readonly isApart: boolean;
}

/** What was measured in one place, and what it comes to. */
export interface Beside {
  readonly title: string;
  readonly measures: readonly LedgerMeasure[];
  readonly alone: readonly Period[];
  readonly beside: readonly Period[];
}

const HERE: Place = {
  title: 'everybody an ordinary process of this machine',
  isRealTime: false,
  isApart: false,
};
const APART: Place = {
  title: 'client and other gateway as on other machines',
  isRealTime: false,
  isApart: true,
};
const APART_REAL_TIME: Place = {
  title: `${APART.title}, real-time scheduling`,
  isRealTime: true,
  isApart: true,
};
/** As the embedded server has them; that of tests is set to lose what it has. */
const SETTINGS = { ...EMBEDDED_SETTINGS, fsync: 'on', autovacuum: 'on' };

/**
 * Tool calls at a steady rate through a gateway, alone and while another process records 5,000 calls a second through a ledger of its own into
 * the same database; in turn, again and again, and the other way round each second time. No process is kept to a processor. All of it in each of three
 * places; where real-time scheduling is not allowed, in the first.
 */
export async function measureBeside(run: BenchRun): Promise<readonly Beside[]> {
  const all: Beside[] = [];
  for (const place of REAL_TIME ? [HERE, APART, APART_REAL_TIME] : [HERE])
    all.push(await measureIn(place, run));
  return all;
}

async function measureIn(place: Place, { options, folder, start, track, say }: BenchRun): Promise<Beside> {
  const { repeats, seconds, warmUpSeconds } = options;
  const data = await mkdtemp(join(folder, 'beside-'));
  const [program] = postgresPrograms();
  await using server = await openOwnServer(program, { settings: SETTINGS });
  const { host, port, user, database } = server.target();
  const url = `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  const echo = [join(import.meta.dirname, '../echo-http.ts')];
  const upstream = await start(undefined, echo);
  const lasting = await start(undefined, echo, { BENCH_TOOL_MS: String(LASTING_MS) });
  await using gateway = await startGateway({
    folder: data,
    servers: {
      http: { transport: 'http', url: `http://127.0.0.1:${upstream.port}/mcp` },
      lasting: { transport: 'http', url: `http://127.0.0.1:${lasting.port}/mcp` },
    },
    general: { database_url: url, realtime_scheduling: place.isRealTime },
    isFree: true,
  });
  track(gateway);
  if (REAL_TIME) requirePolicy(gateway.pid, place.isRealTime ? POLICY.roundRobin : POLICY.ordinary);
  const drive = async (name: string): Promise<Period> => {
    const fromMs = Date.now() + warmUpSeconds * MS_IN_S;
    const calls = await latency(name, gateway.port, 'http-echo', place, options);
    const toMs = Date.now();
    return {
      ...calls,
      direct: await latency(`${name}, direct`, upstream.port, 'echo', place, options),
      lasting: await latency(`${name}, lasting`, gateway.port, 'lasting-echo', place, options),
      own: await ownTime(url, fromMs, toMs, CALLS_PER_SECOND * seconds * STORED_SHARE_MIN),
      rowsPerSecond: 0,
    };
  };
  const driveBeside = async (round: number): Promise<Period> => {
    const period = await besideIngest(url, data, round, place, () => drive('beside'));
    // What is left to be written of it is not to fall into the next period.
    await server.run('CHECKPOINT');
    return period;
  };
  say(`a first period beside ${ROWS_PER_SECOND} rows a second, ${place.title}, that does not count`);
  // A new database has none of the files yet that it uses again later.
  await driveBeside(0);
  const alone: Period[] = [];
  const beside: Period[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    say(
      `calls alone and beside ${ROWS_PER_SECOND} rows a second, ${place.title}, ${repeat + 1} of ${repeats}, ${seconds} s each`,
    );
    const both = [
      async () => alone.push(await drive('alone')),
      async () => beside.push(await driveBeside(repeat + 1)),
    ];
    for (const one of repeat % 2 === 0 ? both : both.reverse()) await one();
  }
  const title = `${CALLS_PER_SECOND} tool calls a second, alone and beside ${ROWS_PER_SECOND} rows a second of another gateway in the same database; ${place.title}`;
  return { title, measures: measuresOf(alone, beside), alone, beside };
}

async function latency(
  name: string,
  port: number,
  tool: string,
  { isApart }: Place,
  { seconds, warmUpSeconds }: Pick<BenchOptions, 'seconds' | 'warmUpSeconds'>,
): Promise<Latency> {
  const job = {
    port,
    path: '/mcp',
    headers: HEADERS,
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: tool, arguments: { text: `${'x'.repeat(180)} given back` } },
    }),
    expect: 'given back',
    ratePerSecond: CALLS_PER_SECOND,
    seconds,
    warmUpSeconds,
    isRealTime: isApart,
  };
  const load = await runJob<Load>(join(import.meta.dirname, 'paced-calls.ts'), job, undefined);
  const { p50Us, p99Us } = measured(name, load, 0);
  return { p50Us, p99Us };
}

/** What the gateway took of the calls of a period, by its own ledger, which has them all by now. */
async function ownTime(url: string, fromMs: number, toMs: number, callsMin: number): Promise<Latency> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ calls: number; p: readonly number[] }>(
      `SELECT count(*)::int AS calls, percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY total_ms - upstream_ms) AS p
       FROM ledger_calls WHERE tool_name = 'http-echo' AND started_at >= $1 AND started_at < $2`,
      [new Date(fromMs), new Date(toMs)],
    );
    const [{ calls, p }] = rows as [{ calls: number; p: readonly [number, number] }];
    if (calls < callsMin) throw new Error(`the ledger has ${calls} calls of a period that had ${callsMin}`);
    return { p50Us: p[0] * US_IN_MS, p99Us: p[1] * US_IN_MS };
  } finally {
    await client.end();
  }
}

/** Calls from the moment on at which the rows flow, to before they cease. */
async function besideIngest(
  url: string,
  data: string,
  round: number,
  { isApart }: Place,
  drive: () => Promise<Period>,
): Promise<Period> {
  const folder = join(data, `ingest-${round}`);
  await mkdir(folder);
  const args = [join(import.meta.dirname, 'ingest.ts'), url, folder, String(ROWS_PER_SECOND)];
  const ingest = await startProcess(undefined, args, readyLine, {}, isApart ? YIELDING : []);
  requirePolicy(ingest.pid, isApart ? POLICY.idle : POLICY.ordinary);
  let one: Period;
  try {
    one = await drive();
  } finally {
    await ingest[Symbol.asyncDispose]();
  }
  const { rowsPerSecond, refused } = JSON.parse(await readFile(join(folder, 'ingested.json'), 'utf8')) as {
    readonly rowsPerSecond: number;
    readonly refused: number;
  };
  if (refused > 0) throw new Error(`the ledger beside the calls refused ${refused} calls`);
  return { ...one, rowsPerSecond };
}

/** Lines of the report. */
function measuresOf(alone: readonly Period[], beside: readonly Period[]): readonly LedgerMeasure[] {
  const ms = (what: string, of: readonly number[]): LedgerMeasure => ({
    what,
    value: median(of) / US_IN_MS,
    unit: 'ms',
    aim: '',
    isMet: true,
  });
  const p50 = (periods: readonly Latency[]): number[] => periods.map(({ p50Us }) => p50Us);
  const p99 = (periods: readonly Latency[]): number[] => periods.map(({ p99Us }) => p99Us);
  const direct = (periods: readonly Period[]): Latency[] => periods.map((one) => one.direct);
  const lasting = (periods: readonly Period[]): Latency[] => periods.map((one) => one.lasting);
  const own = (periods: readonly Period[]): Latency[] => periods.map((one) => one.own);
  const stored = Math.min(...beside.map(({ rowsPerSecond }) => rowsPerSecond));
  const least = ROWS_PER_SECOND * STORED_SHARE_MIN;
  const isEnough = stored >= least;
  const ratio = (
    what: string,
    of: (periods: readonly Period[]) => Latency[],
    isAim: boolean,
  ): LedgerMeasure => {
    const value = median(p99(of(beside))) / median(p99(of(alone)));
    const isMet = value <= RATIO_MAX && isEnough;
    return { what, value, unit: '×', aim: isAim ? `at most ${RATIO_MAX}` : '', isMet };
  };
  return [
    {
      what: 'rows of another gateway meanwhile, in the slowest period',
      value: stored,
      unit: 'rows/s',
      aim: `at least ${least}`,
      isMet: isEnough,
    },
    ms('p50 of calls alone', p50(alone)),
    ms('p50 of calls beside them', p50(beside)),
    ms('p99 of calls alone', p99(alone)),
    ms('p99 of calls beside them', p99(beside)),
    ratio('p99 beside them ÷ p99 alone (medians)', (periods) => [...periods], true),
    ...repeatRatios(alone, beside),
    ms('p99 of calls straight to the server, alone', p99(direct(alone))),
    ms('p99 of calls straight to the server, beside them', p99(direct(beside))),
    ratio('their ratio', direct, false),
    ms('p99 of what the gateway took of a call, alone', p99(own(alone))),
    ms('p99 of it beside the rows', p99(own(beside))),
    ratio('its ratio', own, false),
    ms(`p99 of calls of a tool that takes ${LASTING_MS} ms, alone`, p99(lasting(alone))),
    ms('p99 of them beside the rows', p99(lasting(beside))),
    ratio('their ratio', lasting, true),
  ];
}

/** How sure the ratio is, and how far that of one repeat is from that of another. */
function repeatRatios(alone: readonly Period[], beside: readonly Period[]): readonly LedgerMeasure[] {
  const p99 = (periods: readonly Period[]): number[] => periods.map(({ p99Us }) => p99Us);
  const ratios = beside.map(({ p99Us }, at) => p99Us / alone[at]!.p99Us);
  const ratio = (what: string, value: number): LedgerMeasure => ({
    what,
    value,
    unit: '×',
    aim: '',
    isMet: true,
  });
  // Few repeats say little about how far they lie apart.
  const [low, high] = ratios.length < SURE_REPEATS_MIN ? [] : ratioInterval(p99(beside), p99(alone));
  return [
    ...(low === undefined || high === undefined
      ? []
      : [ratio('with about 90 % it lies between', low), ratio('and', high)]),
    ratio('in the best repeat', Math.min(...ratios)),
    ratio('in the worst repeat', Math.max(...ratios)),
  ];
}
