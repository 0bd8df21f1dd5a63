import { loadavg } from 'node:os';
import { type BenchRun, loadText, machineText, mannerText } from '../bench-run.ts';
import { type CpuTime, cpuTime, peakMemoryMib } from '../measure.ts';
import { median } from '../statistics.ts';
import { callCases, type LlmCase, type LlmLoad, streamCases, translatedCases } from './llm-cases.ts';
import { llmAims } from './llm-aims.ts';
import { llmMemoryReport, measureLlmMemory } from './llm-memory.ts';
import { peerCases } from './llm-peer.ts';
import { type LlmRow, llmReport } from './llm-report.ts';
import { measurePace, paceReport } from './pace.ts';
import { setUpLlm } from './stage.ts';

/** Requests to models: whole and streamed, through the same format and from another, and what they hold of memory. */
export async function runLlm(run: BenchRun): Promise<{ readonly text: string; readonly figures: unknown }> {
  const { options, say } = run;
  const { repeats, seconds, warmUpSeconds, parts } = options;
  say('starting the programs (models)');
  const stage = await setUpLlm(run);
  const peers = parts.includes('llm-peers') ? await peerCases(run, stage) : [];
  const cases: readonly LlmCase[] = [
    ...(parts.includes('llm-calls') ? callCases(stage) : []),
    ...(parts.includes('llm-streams') ? streamCases(stage) : []),
    ...(parts.includes('llm-translated') ? translatedCases(stage) : []),
    ...(typeof peers === 'string' ? [] : peers),
  ];
  const loadBefore = loadavg()[0] ?? 0;
  if (cases.length > 0) say('warming up');
  for (const one of cases) await one.load(warmUpSeconds);
  for (let repeat = 1; repeat <= repeats && cases.length > 0; repeat++) {
    for (const one of cases) await measure(one, seconds);
    say(`repeat ${repeat} of ${repeats}`);
  }
  const rows = cases.map((one) => rowOf(one, cases));
  const pace = parts.includes('llm-pace') ? await measurePace(stage) : [];
  const memory = parts.includes('llm-memory') ? await measureLlmMemory(run, stage) : [];
  const text = llmReport(rows, {
    date: new Date().toISOString(),
    machine: machineText(),
    load: loadText(loadBefore),
    how: mannerText(options),
    sections: [
      ...(typeof peers === 'string' ? [`The peer: ${peers}\n`] : []),
      ...(pace.length === 0 ? [] : [paceReport(pace)]),
      ...(memory.length === 0 ? [] : [llmMemoryReport(memory)]),
      llmAims(rows, pace, memory),
    ],
  });
  return { text, figures: { rows, pace, memory } };
}

async function measure(one: LlmCase, seconds: number): Promise<void> {
  const before = cpuTime(one.target.pid);
  const load = await one.load(seconds);
  const after = cpuTime(one.target.pid);
  if (load.units === 0) throw new Error(`${one.name}: nothing was answered`);
  if (load.failures > 0) throw new Error(`${one.name}: ${load.failures} wrong answers`);
  const perUnit = (of: (time: CpuTime) => number): number => (of(after) - of(before)) / load.units;
  one.results.push({
    cpuUs: perUnit(({ allUs }) => allUs),
    otherThreadsUs: perUnit(({ otherThreadsUs }) => otherThreadsUs),
    load,
  });
}

function rowOf(one: LlmCase, cases: readonly LlmCase[]): LlmRow {
  const yardstick = cases.find((other) => other.name === one.against);
  const middle = (of: (load: LlmLoad) => number): number => median(one.results.map(({ load }) => of(load)));
  // Of the same repeat: what the machine did meanwhile, it did to both.
  const pairs = one.results.map(({ cpuUs }, at) => [cpuUs, yardstick?.results[at]?.cpuUs] as const);
  const compared = (how: (own: number, other: number) => number): number | undefined =>
    yardstick === undefined ? undefined : median(pairs.map(([own, other]) => how(own, other!)));
  return {
    name: one.name,
    unit: one.unit,
    perSecond: middle(({ units, seconds }) => units / seconds),
    cpuUs: median(one.results.map(({ cpuUs }) => cpuUs)),
    otherThreadsUs: median(one.results.map(({ otherThreadsUs }) => otherThreadsUs)),
    cpuUsMin: Math.min(...one.results.map(({ cpuUs }) => cpuUs)),
    requestsPerCpuSecond:
      1_000_000 / median(one.results.map(({ cpuUs, load }) => (cpuUs * load.units) / load.requests)),
    p50Us: middle(({ p50Us }) => p50Us),
    p99Us: one.unit === 'event' ? undefined : middle(({ p99Us }) => p99Us ?? 0),
    peakMib: peakMemoryMib(one.target.pid),
    ratio: compared((own, other) => own / other),
    addedUs: compared((own, other) => own - other),
    rates: one.results.map(({ load }) => load.units / load.seconds),
  };
}
