import { readdirSync, readFileSync } from 'node:fs';

/** What the load driver counted. Latencies in microseconds. */
export interface Load {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface Measurement {
  readonly requestsPerSecond: number;
  /** Processor time of the process under test per request, user and system, in microseconds. */
  readonly cpuUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** A measurement from one load. Throws when nothing, or something else than the right answer, came back. */
export function measured(name: string, load: Load, cpuUs: number): Measurement {
  if (load.requests === 0) throw new Error(`${name}: no request was answered`);
  if (load.failures > 0) throw new Error(`${name}: ${load.failures} wrong answers`);
  return {
    requestsPerSecond: load.requests / load.seconds,
    cpuUs: cpuUs / load.requests,
    p50Us: load.p50Us,
    p99Us: load.p99Us,
  };
}

/** Processor time in microseconds. */
export interface CpuTime {
  readonly allUs: number;
  /** Of threads other than the first: waiting for the disk, compiling, collecting garbage. */
  readonly otherThreadsUs: number;
}

/** Processor time that a process has used so far with all its threads (Linux, sched-stats.rst, /proc/<pid>/schedstat). */
export function cpuTime(pid: number): CpuTime {
  let mainUs = 0;
  let otherThreadsUs = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const [ran] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ');
      if (thread === String(pid)) mainUs += Number(ran) / 1_000;
      else otherThreadsUs += Number(ran) / 1_000;
    } catch {
      // It has just ended.
    }
  }
  return { allUs: mainUs + otherThreadsUs, otherThreadsUs };
}

/** Processor time that a process has used so far with all its threads, in microseconds. */
export function cpuTimeUs(pid: number): number {
  return cpuTime(pid).allUs;
}

/** The memory that a process holds, in MiB (proc(5), VmRSS). */
export function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}

/** The most memory that a process has held, in MiB (proc(5), VmHWM). */
export function peakMemoryMib(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
}
