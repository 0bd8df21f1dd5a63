// npm run bench: what the gateway costs, beside what the least costs that could do the same work. One run, interleaved repeats.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Case, callCases, listCases, peerCases, type Start, setUp } from './cases.ts';
import { cpuTimeUs, type Measurement, measured, peakMemoryMib } from './measure.ts';
import { measureMemory, memoryReport } from './memory.ts';
import { readOptions } from './options.ts';
import { drive, PINNED, readyLine, type Started, startProcess } from './processes.ts';
import { aimsReport } from './aims.ts';
import { peersReport, report, type Row } from './report.ts';
import { ledgerReport, measureLedger } from './ledger.ts';
import { median } from './statistics.ts';

const HERE = import.meta.dirname;
const LEDGER_CALLS = 1_000_000;
const { repeats, seconds, warmUpSeconds, parts, isWhole } = readOptions(process.env);
const folder = await mkdtemp(join(tmpdir(), 'lanport-bench-'));
const started: Started[] = [];
const track = (one: Started): void => void started.push(one);
const start: Start = async (processor, args, env = {}) => {
  const one = await startProcess(processor, args, readyLine, env);
  track(one);
  return one;
};
const say = (text: string): void => void process.stderr.write(`${text}\n`);

try {
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
  const ledger = parts.includes('ledger') ? await measureLedger(folder, LEDGER_CALLS, say) : undefined;
  const text = report(rows, {
    date: new Date().toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`,
    load: `load average before ${loadBefore.toFixed(2)}, after ${(loadavg()[0] ?? 0).toFixed(2)}`,
    how: `${repeats} interleaved repeats of ${seconds} s after a warm-up of ${warmUpSeconds} s; medians; ${PINNED ? 'the process under test on one processor, load and upstream on the other' : 'not pinned'}`,
    sections: [
      ...(memory === undefined ? [] : [memoryReport(memory)]),
      ...(ledger === undefined ? [] : [ledgerReport(ledger, LEDGER_CALLS)]),
      ...(parts.includes('peers') ? [peersReport(rows, peers)] : []),
      aimsReport(rows, memory),
    ],
  });
  process.stdout.write(text);
  if (isWhole) {
    const name = join(HERE, 'results', new Date().toISOString().slice(0, 10));
    await mkdir(join(HERE, 'results'), { recursive: true });
    await writeFile(`${name}.md`, text);
    await writeFile(`${name}.json`, `${JSON.stringify({ rows, memory, ledger }, null, 2)}\n`);
  }
} finally {
  for (const one of started.reverse()) await one[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
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
