import type { Circumstances } from '../report.ts';
import { spread } from '../statistics.ts';

/** One line of the table. Times in microseconds, per request or event. */
export interface LlmRow {
  readonly name: string;
  readonly unit: 'request' | 'event';
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly cpuUsMin: number;
  /** Of `cpuUs`, that of threads other than the first. */
  readonly otherThreadsUs: number;
  readonly requestsPerCpuSecond: number;
  /** Until the answer, or its first event. */
  readonly p50Us: number;
  readonly p99Us: number | undefined;
  readonly peakMib: number;
  /** To the yardstick of the same repeat. */
  readonly ratio: number | undefined;
  readonly addedUs: number | undefined;
  /** Units per second of each repeat. */
  readonly rates: readonly number[];
}

const NOISE = 0.3;

/** The table as Markdown, with what one must know to read it. */
export function llmReport(rows: readonly LlmRow[], circumstances: Circumstances): string {
  const lines = rows.map((row) =>
    [
      '',
      row.name,
      row.unit,
      row.perSecond.toFixed(0),
      `${row.cpuUs.toFixed(1)} (${row.cpuUsMin.toFixed(1)})`,
      row.otherThreadsUs.toFixed(1),
      row.p50Us.toFixed(0),
      row.p99Us?.toFixed(0) ?? '',
      row.peakMib.toFixed(0),
      row.ratio?.toFixed(2) ?? '',
      row.addedUs?.toFixed(1) ?? '',
      '',
    ]
      .join(' | ')
      .trim(),
  );
  const noisy = rows.filter(({ name, rates }) => name.startsWith('(a)') && spread(rates) > NOISE);
  return [
    `# Benchmark of models, ${circumstances.date}`,
    '',
    `${circumstances.machine}; ${circumstances.load}.`,
    `${circumstances.how}.`,
    '',
    'CPU is user and system time of the process under test with all its threads, per request or per event of a stream, median (minimum) in µs; for Lanport with a virtual key and its verdict. Each request is recorded durably before it is sent, with a database and without; (g) and (h) are without. The time of other threads, which is part of it, is mostly that of this record. p50 and p99 are the time to the whole answer, of streams that to the first event; Lanport holds back what comes before the first content. Ratio and added are to the bare proxy of the same repeat.',
    '',
    ...(rows.length === 0
      ? []
      : [
          '| case | unit | units/s | CPU µs (min) | other threads µs | p50 µs | p99 µs | peak MiB | CPU ratio | added CPU µs |',
          '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
          ...lines,
          '',
        ]),
    ...(noisy.length === 0
      ? []
      : [
          `The direct figure varied by more than ${NOISE * 100} % in: ${noisy.map(({ name }) => name).join('; ')}. The machine was not quiet.`,
          '',
        ]),
    ...circumstances.sections,
  ].join('\n');
}
