// What calls through a gateway feel of other gateways that record into the same database.
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbedded } from '../../src/store/pg/embedded.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import type { BenchRun } from '../bench-run.ts';
import { HEADERS, startGateway } from '../gateway.ts';
import { type Load, measured } from '../measure.ts';
import { LOAD, readyLine, runJob, startProcess } from '../processes.ts';
import { median } from '../statistics.ts';
import type { LedgerMeasure } from './measures.ts';

const ROWS_PER_SECOND = 5_000;
/** Far from what the gateway can do: what is asked is how long a call takes, and not how many there can be. */
const CALLS_PER_SECOND = 300;
/** The aims: what is measured is for nothing when less is stored. */
const STORED_SHARE_MIN = 0.98;
const RATIO_MAX = 1.1;
const US_IN_MS = 1_000;

interface Latency {
  readonly p50Us: number;
  readonly p99Us: number;
}

/** One period of calls, with the others' rows or without. */
interface Period extends Latency {
  /** The same calls straight to the server: what the machine does to anybody. */
  readonly direct: Latency;
  readonly rowsPerSecond: number;
}

/** What was measured, and what it comes to. */
export interface Beside {
  readonly measures: readonly LedgerMeasure[];
  readonly alone: readonly Period[];
  readonly beside: readonly Period[];
}

/**
 * Tool calls at a steady rate through a gateway, alone and while another process records 5,000 calls a second through a ledger of its own into
 * the same database; in turn, again and again, and the other way round each second time. The gateway has a processor to itself, load and upstream the
 * other; the database and the other ledger run where the system puts them.
 */
export async function measureBeside({ options, folder, start, track, say }: BenchRun): Promise<Beside> {
  const { repeats, seconds, warmUpSeconds } = options;
  const data = await mkdtemp(join(folder, 'beside-'));
  await mkdir(join(data, 'database'));
  const server = await startEmbedded(join(data, 'database'), silentLog);
  try {
    const url = `postgresql://${server.user}@localhost/postgres?host=${encodeURIComponent(server.socketFolder)}&port=${server.port}`;
    const upstream = await start(LOAD, [join(import.meta.dirname, '../echo-http.ts')]);
    await using gateway = await startGateway({
      folder: data,
      servers: { http: { transport: 'http', url: `http://127.0.0.1:${upstream.port}/mcp` } },
      general: { database_url: url },
    });
    track(gateway);
    const drive = async (name: string, forSeconds: number): Promise<Period> => ({
      ...(await latency(name, gateway.port, 'http-echo', forSeconds)),
      direct: await latency(`${name}, direct`, upstream.port, 'echo', forSeconds),
      rowsPerSecond: 0,
    });
    await drive('warm-up', warmUpSeconds);
    const alone: Period[] = [];
    const beside: Period[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      say(`calls alone and beside ${ROWS_PER_SECOND} rows a second, ${repeat + 1} of ${repeats}`);
      const both = [
        async () => alone.push(await drive('alone', seconds)),
        async () => beside.push(await besideIngest(url, data, repeat, () => drive('beside', seconds))),
      ];
      for (const one of repeat % 2 === 0 ? both : both.reverse()) await one();
    }
    return { measures: measuresOf(alone, beside), alone, beside };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

async function latency(name: string, port: number, tool: string, seconds: number): Promise<Latency> {
  const load = await runJob<Load>(join(import.meta.dirname, 'paced-calls.ts'), {
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
  });
  const { p50Us, p99Us } = measured(name, load, 0);
  return { p50Us, p99Us };
}

/** Calls from the moment on at which the rows flow, to before they cease. */
async function besideIngest(
  url: string,
  data: string,
  repeat: number,
  drive: () => Promise<Period>,
): Promise<Period> {
  const folder = join(data, `ingest-${repeat}`);
  await mkdir(folder);
  const args = [join(import.meta.dirname, 'ingest.ts'), url, folder, String(ROWS_PER_SECOND)];
  const ingest = await startProcess(undefined, args, readyLine);
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
  const stored = Math.min(...beside.map(({ rowsPerSecond }) => rowsPerSecond));
  const least = ROWS_PER_SECOND * STORED_SHARE_MIN;
  const ratio = median(p99(beside)) / median(p99(alone));
  return [
    {
      what: 'rows of another gateway meanwhile, in the slowest period',
      value: stored,
      unit: 'rows/s',
      aim: `at least ${least}`,
      isMet: stored >= least,
    },
    ms('p50 of calls alone', p50(alone)),
    ms('p50 of calls beside them', p50(beside)),
    ms('p99 of calls alone', p99(alone)),
    ms('p99 of calls beside them', p99(beside)),
    {
      what: 'p99 beside them ÷ p99 alone (medians)',
      value: ratio,
      unit: '×',
      aim: `at most ${RATIO_MAX}`,
      isMet: ratio <= RATIO_MAX && stored >= least,
    },
    ms('p99 of calls straight to the server, alone', p99(direct(alone))),
    ms('p99 of calls straight to the server, beside them', p99(direct(beside))),
    {
      what: 'the same ratio of calls straight to the server: what the machine does to anybody',
      value: median(p99(direct(beside))) / median(p99(direct(alone))),
      unit: '×',
      aim: '',
      isMet: true,
    },
  ];
}

/** How it was measured, for the heading of its table. */
export const BESIDE_TITLE = `${CALLS_PER_SECOND} tool calls a second, alone and beside ${ROWS_PER_SECOND} rows a second of another gateway in the same database`;
