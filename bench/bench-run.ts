import { cpus, loadavg, release, totalmem } from 'node:os';
import type { Start } from './cases.ts';
import type { BenchOptions } from './options.ts';
import { PINNED, type Started } from './processes.ts';

/** One run of the benchmark, as its halves see it. */
export interface BenchRun {
  readonly options: BenchOptions;
  /** For configurations and data; removed after the run. */
  readonly folder: string;
  readonly start: Start;
  /** Has a program ended with the half that started it. */
  readonly track: (started: Started) => void;
  readonly say: (text: string) => void;
}

/** The machine, for a report. */
export function machineText(): string {
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`;
}

/** How much was asked of the machine by whomever, for a report. `before`: the load average when it began. */
export function loadText(before: number): string {
  return `load average before ${before.toFixed(2)}, after ${(loadavg()[0] ?? 0).toFixed(2)}`;
}

/** How it was measured, for a report. */
export function mannerText({ repeats, seconds, warmUpSeconds }: BenchOptions, isPinned = PINNED): string {
  return `${repeats} interleaved repeats of ${seconds} s after a warm-up of ${warmUpSeconds} s; medians; ${isPinned ? 'the process under test on one processor, load and upstream on the other' : 'not pinned'}`;
}
