import type { LlmMemory } from './llm-memory.ts';
import type { LlmRow } from './llm-report.ts';
import { PACE_STREAMS, type PaceResult } from './pace.ts';

const CALL_RATIO_MAX = 1.6;
const EVENT_ADDED_US_MAX = 3;
const TRANSLATED_US_MAX = 25;
const DELAY_ADDED_MS_MAX = 10;
/** Of the heap, from the first look to the last. */
const HEAP_GROWTH_MAX = 0.05;
const RESIDENT_GROWTH_MAX = 0.1;
const PEER_FACTOR_MIN = 10;

/** What the project wants of itself on the way to models, and whether this run shows it. What the run did not measure is left out. */
export function llmAims(
  rows: readonly LlmRow[],
  pace: readonly PaceResult[],
  memory: readonly LlmMemory[],
): string {
  const lines = [
    ...of(rows, '(c)', '(d)').map(({ name, ratio = 0 }) =>
      line(
        `${name}: at most ${CALL_RATIO_MAX} × the processor time of the bare proxy`,
        ratio.toFixed(2),
        ratio <= CALL_RATIO_MAX,
      ),
    ),
    ...of(rows, '(g)').map(({ name, addedUs = 0 }) =>
      line(
        `${name}: at most ${EVENT_ADDED_US_MAX} µs per event more than the bare proxy`,
        `${addedUs.toFixed(1)} µs`,
        addedUs <= EVENT_ADDED_US_MAX,
      ),
    ),
    ...of(rows, '(h)').map(({ name, cpuUs }) =>
      line(
        `${name}: at most ${TRANSLATED_US_MAX} µs per event`,
        `${cpuUs.toFixed(1)} µs`,
        cpuUs <= TRANSLATED_US_MAX,
      ),
    ),
    ...paceAims(pace),
    ...memoryAims(memory),
    ...peerAims(rows),
  ];
  return ['## Aims', '', '| aim | measured | met |', '| --- | --- | --- |', ...lines, ''].join('\n');
}

function line(aim: string, measured: string, isMet: boolean): string {
  return `| ${aim} | ${measured} | ${isMet ? 'yes' : 'no'} |`;
}

function of(rows: readonly LlmRow[], ...marks: readonly string[]): readonly LlmRow[] {
  return rows.filter(({ name }) => marks.some((mark) => name.startsWith(mark)));
}

function paceAims(pace: readonly PaceResult[]): readonly string[] {
  const direct = pace.find(({ name }) => name === 'direct');
  const own = pace.find(({ name }) => name === 'Lanport');
  if (direct === undefined || own === undefined) return [];
  const addedMs = (own.load.delayP99Us - direct.load.delayP99Us) / 1_000;
  const aim = `${PACE_STREAMS} streams at once on one processor: p99 of the delay of an event less than ${DELAY_ADDED_MS_MAX} ms more than direct`;
  return [line(aim, `${addedMs.toFixed(1)} ms`, addedMs < DELAY_ADDED_MS_MAX)];
}

function memoryAims(memory: readonly LlmMemory[]): readonly string[] {
  const first = memory[0];
  const last = memory.at(-1);
  if (first === undefined || last === undefined) return [];
  const one = (what: string, from: number, to: number, max: number): string =>
    line(
      `${what} after ${last.requests} requests at most ${(max * 100).toFixed(0)} % more than after ${first.requests}`,
      `${((to / from - 1) * 100).toFixed(1)} %`,
      to / from - 1 <= max,
    );
  return [
    one('the heap', first.heapMib, last.heapMib, HEAP_GROWTH_MAX),
    one('resident memory', first.residentMib, last.residentMib, RESIDENT_GROWTH_MAX),
  ];
}

function peerAims(rows: readonly LlmRow[]): readonly string[] {
  return of(rows, '(i)').flatMap((peer) => {
    const work = peer.name.slice(peer.name.indexOf(','));
    return of(rows, '(j)')
      .filter(({ name }) => name.endsWith(work))
      .flatMap((own) => {
        const factor = own.requestsPerCpuSecond / peer.requestsPerCpuSecond;
        const aim = `${own.name}: at least ${PEER_FACTOR_MIN} × the requests per processor second of ${peer.name.slice(4)}`;
        const first = `${own.name}: the first event sooner than with the peer`;
        const firsts = `${(own.p50Us / 1_000).toFixed(1)} ms, ${(peer.p50Us / 1_000).toFixed(1)} ms`;
        return [
          line(aim, `${factor.toFixed(1)} ×`, factor >= PEER_FACTOR_MIN),
          ...(own.unit === 'event' ? [line(first, firsts, own.p50Us < peer.p50Us)] : []),
        ];
      });
  });
}
