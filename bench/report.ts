import { spread } from './statistics.ts';

/** One line of the table. Times in microseconds. */
export interface Row {
  readonly name: string;
  readonly requestsPerSecond: number;
  readonly cpuUs: number;
  readonly cpuUsMin: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly peakMib: number;
  /** Processor time per request over that of the case it is compared with. */
  readonly ratio: number | undefined;
  /** Requests per second of each repeat. */
  readonly rates: readonly number[];
}

export interface Circumstances {
  readonly date: string;
  readonly machine: string;
  readonly load: string;
  readonly how: string;
  /** More of the report, as Markdown. */
  readonly sections: readonly string[];
}

const NOISE = 0.3;

/** The table as Markdown, with what one must know to read it. */
export function report(rows: readonly Row[], circumstances: Circumstances): string {
  const lines = rows.map(
    (row) =>
      `| ${row.name.trim()} | ${row.requestsPerSecond.toFixed(0)} | ${row.cpuUs.toFixed(0)} (${row.cpuUsMin.toFixed(0)}) | ${row.p50Us.toFixed(0)} | ${row.p99Us.toFixed(0)} | ${row.peakMib.toFixed(0)} | ${row.ratio === undefined ? '' : row.ratio.toFixed(2)} |`,
  );
  const noisy = rows
    .filter((row) => row.name.startsWith('(a)') && spread(row.rates) > NOISE)
    .map((row) => row.name.trim());
  return [
    `# Benchmark of ${circumstances.date}`,
    '',
    `${circumstances.machine}; ${circumstances.load}.`,
    `${circumstances.how}.`,
    '',
    'CPU is user and system time of the process under test per request, median (minimum) in µs; for Lanport with a virtual key, its verdict and the ledger on the embedded PostgreSQL. The ratio is to the line above it that does the same work with nothing of that: (c) to (b), (d) and (f) to the multiplexer, (e) to the static file.',
    '',
    '| case | requests/s | CPU µs (min) | p50 µs | p99 µs | peak MiB | CPU ratio |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...lines,
    '',
    ...(noisy.length === 0
      ? []
      : [
          `The direct figure varied by more than ${NOISE * 100} % in: ${noisy.join('; ')}. The machine was not quiet.`,
          '',
        ]),
    ...circumstances.sections,
  ].join('\n');
}

/** What a second of processor time is good for, in calls to a stdio server: Lanport, and the peers or why there are none. */
export function peersReport(
  rows: readonly Row[],
  peers: string | readonly { readonly name: string }[],
): string {
  const compared = rows.filter((row) => row.name.startsWith('(f)') || /^\(d\).* 16 conn\.$/.test(row.name));
  return [
    '## Calls to a stdio server for one second of processor time',
    '',
    ...compared.map((row) => `* ${row.name.slice(4)}: ${(1_000_000 / row.cpuUs).toFixed(0)}`),
    ...(typeof peers === 'string' ? [`* mcp-proxy and supergateway: ${peers}`] : []),
    '',
  ].join('\n');
}
