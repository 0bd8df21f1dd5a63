import { loadavg } from 'node:os';
import { join } from 'node:path';
import { aimsReport } from './aims.ts';
import { type BenchRun, loadText, machineText, mannerText } from './bench-run.ts';
import { type Case, callCases, listCases, peerCases, setUp } from './cases.ts';
import { cpuTimeUs, type Measurement, measured, peakMemoryMib } from './measure.ts';
import { measureMemory, memoryReport } from './memory.ts';
import { drive } from './processes.ts';
import { peersReport, report, type Row } from './report.ts';
import { median } from './statistics.ts';

const HERE = import.meta.dirname;

/** Calls and lists of MCP, and what sessions and large results hold of memory. */
export async function runMcp(run: BenchRun): Promise<{ readonly text: string; readonly figures: unknown }> {
  const { options, folder, start, track, say } = run;
  const { repeats, seconds, warmUpSeconds, parts } = options;
  say('starting the programs');
  const stage = await setUp(folder, start, track);
  const cases: Case[] = [];
  if (parts.includes('calls')) cases.push(...(await callCases(stage, start)));
  if (parts.includes('lists')) cases.push(...(await listCases(folder, stage, start)));
  const peers = parts.includes('peers') ? await peerCases(track) : 'not measured in this run';
  if (typeof peers !== 'string') cases.push(...peers);

  const loadBefore = loadavg()[0] ?? 0;
  say('warming up');
  for (const one of cases) await drive(join(HERE, 'driver.ts'), { ...one.job, seconds: warmUpSeconds });
  for (let repeat = 1; repeat <= repeats; repeat++) {
    for (const one of cases) {
      const before = cpuTimeUs(one.target.pid);
      const load = await drive(join(HERE, 'driver.ts'), { ...one.job, seconds });
      one.results.push(measured(one.name, load, cpuTimeUs(one.target.pid) - before));
    }
    say(`repeat ${repeat} of ${repeats}`);
  }

  const rows = cases.map((one) => rowOf(one, cases));
  const memory = parts.includes('memory') ? await measureMemory(folder) : undefined;
  const text = report(rows, {
    date: new Date().toISOString(),
    machine: machineText(),
    load: loadText(loadBefore),
    how: mannerText(options),
    sections: [
      ...(memory === undefined ? [] : [memoryReport(memory)]),
      ...(parts.includes('peers') ? [peersReport(rows, peers)] : []),
      aimsReport(rows, memory),
    ],
  });
  return { text, figures: { rows, memory } };
}

function rowOf(one: Case, cases: readonly Case[]): Row {
  const baseline = cases.find((other) => other.name === one.against);
  const middle = (of: (result: Measurement) => number): number => median(one.results.map(of));
  return {
    name: one.name,
    requestsPerSecond: middle((result) => result.requestsPerSecond),
    cpuUs: middle((result) => result.cpuUs),
    cpuUsMin: Math.min(...one.results.map((result) => result.cpuUs)),
    p50Us: middle((result) => result.p50Us),
    p99Us: middle((result) => result.p99Us),
    peakMib: peakMemoryMib(one.target.pid),
    // Of the same repeat: what the machine did meanwhile, it did to both.
    ratio:
      baseline === undefined
        ? undefined
        : median(one.results.map(({ cpuUs }, at) => cpuUs / baseline.results[at]!.cpuUs)),
    rates: one.results.map((result) => result.requestsPerSecond),
  };
}
