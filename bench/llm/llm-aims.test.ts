import { expect, it } from 'vitest';
import { mannerOf, streamModel, WHOLE, wholeAnswer } from './answers.ts';
import { llmAims } from './llm-aims.ts';
import type { LlmRow } from './llm-report.ts';

function row(name: string, more: Partial<LlmRow>): LlmRow {
  return {
    name,
    unit: 'request',
    perSecond: 1,
    cpuUs: 1,
    cpuUsMin: 1,
    otherThreadsUs: 0,
    requestsPerCpuSecond: 1,
    p50Us: 1,
    p99Us: 1,
    peakMib: 1,
    ratio: undefined,
    addedUs: undefined,
    rates: [1],
    ...more,
  };
}

it('an aim is met up to its bound and missed beyond it', () => {
  const met = (rows: readonly LlmRow[]): readonly boolean[] =>
    [...llmAims(rows, [], []).matchAll(/\| (yes|no) \|$/gm)].map(([, word]) => word === 'yes');
  expect(met([row('(c) Lanport', { ratio: 1.6 }), row('(d) Lanport', { ratio: 1.61 })])).toEqual([
    true,
    false,
  ]);
  expect(met([row('(g) a', { addedUs: 3 }), row('(g) b', { addedUs: 3.1 })])).toEqual([true, false]);
  expect(met([row('(h) a', { cpuUs: 25 }), row('(h) b', { cpuUs: 26 })])).toEqual([true, false]);
  const peers = [row('(i) peer, whole', { requestsPerCpuSecond: 10 })];
  expect(met([...peers, row('(j) Lanport, whole', { requestsPerCpuSecond: 100 })])).toEqual([true]);
  expect(met([...peers, row('(j) Lanport, whole', { requestsPerCpuSecond: 99 })])).toEqual([false]);
});

it('memory is flat when it ends where it began', () => {
  const at = (requests: number, mib: number): { requests: number; residentMib: number; heapMib: number } => ({
    requests,
    residentMib: mib,
    heapMib: mib,
  });
  expect(llmAims([], [], [at(20_000, 100), at(100_000, 103)])).not.toContain('| no |');
  expect(llmAims([], [], [at(20_000, 100), at(100_000, 120)])).not.toContain('| yes |');
});

it('the name of a model says how the mock provider answers; the whole answer has 1 KB', () => {
  const manner = { events: 400, eventsPerChunk: 20, periodMs: 0 };
  expect(mannerOf(streamModel(manner))).toEqual(manner);
  expect(mannerOf(WHOLE)).toBeUndefined();
  expect(wholeAnswer()).toHaveLength(1_024);
});
