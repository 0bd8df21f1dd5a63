import type { MemoryResult } from './memory.ts';
import type { Row } from './report.ts';

const CALL_RATIO_MAX = 1.5;
const ADDED_US_MAX = 250;
const SESSIONS_MIB_MAX = 40;
const LIST_RATIO_MAX = 1.3;
/** Of the result's own size. */
const RESULT_MEMORY_MAX = 2;
const PEER_FACTOR_MIN = 20;

/** What the project wants of itself, and whether this run shows it. What the run did not measure is left out. */
export function aimsReport(rows: readonly Row[], memory: MemoryResult | undefined): string {
  const lines = [...callAims(rows), ...listAims(rows), ...peerAims(rows), ...memoryAims(memory)];
  return ['## Aims', '', '| aim | measured | met |', '| --- | --- | --- |', ...lines, ''].join('\n');
}

function line(aim: string, measured: string, isMet: boolean): string {
  return `| ${aim} | ${measured} | ${isMet ? 'yes' : 'no'} |`;
}

function beginning(rows: readonly Row[], ...starts: readonly string[]): readonly Row[] {
  return rows.filter(({ name }) => starts.some((start) => name.startsWith(start)));
}

function callAims(rows: readonly Row[]): readonly string[] {
  const ratios = beginning(rows, '(c)', '(d)').map(({ name, ratio = 0 }) =>
    line(
      `${name.slice(4)}: at most ${CALL_RATIO_MAX} × the processor time of the least that carries the call`,
      ratio.toFixed(2),
      ratio <= CALL_RATIO_MAX,
    ),
  );
  const direct = rows.find(({ name }) => name.startsWith('(a)') && name.endsWith(', 1 conn.'));
  const through = rows.find(({ name }) => name.startsWith('(c)') && name.endsWith(', 1 conn.'));
  if (direct === undefined || through === undefined) return ratios;
  const addedUs = through.p50Us - direct.p50Us;
  const aim = `a call on one connection, HTTP upstream: less than ${ADDED_US_MAX} µs (p50) more than direct`;
  return [...ratios, line(aim, `${addedUs.toFixed(0)} µs`, addedUs < ADDED_US_MAX)];
}

function listAims(rows: readonly Row[]): readonly string[] {
  return beginning(rows, '(e)').map(({ name, ratio = 0 }) =>
    line(
      `${name.slice(4)}: at most ${LIST_RATIO_MAX} × the processor time of a static file`,
      ratio.toFixed(2),
      ratio <= LIST_RATIO_MAX,
    ),
  );
}

function peerAims(rows: readonly Row[]): readonly string[] {
  const own = rows.find(({ name }) => name.startsWith('(d)') && name.endsWith(', 16 conn.'));
  if (own === undefined) return [];
  return beginning(rows, '(f)').map(({ name, cpuUs }) => {
    const factor = cpuUs / own.cpuUs;
    return line(
      `at least ${PEER_FACTOR_MIN} × the calls per processor second of ${name.slice(4)}`,
      `${factor.toFixed(1)} ×`,
      factor >= PEER_FACTOR_MIN,
    );
  });
}

function memoryAims(memory: MemoryResult | undefined): readonly string[] {
  if (memory === undefined) return [];
  const { sessions, withSessionsMib, emptyMib, peakMib, beforeResultMib, resultMib } = memory;
  const sessionsMib = withSessionsMib - emptyMib;
  const share = (peakMib - beforeResultMib) / resultMib;
  return [
    line(
      `${sessions} idle sessions with open streams: less than ${SESSIONS_MIB_MAX} MiB`,
      `${sessionsMib.toFixed(1)} MiB`,
      sessionsMib < SESSIONS_MIB_MAX,
    ),
    line(
      `a result of ${resultMib.toFixed(0)} MiB for a slow reader: at most ${RESULT_MEMORY_MAX} × its size`,
      `${share.toFixed(2)} ×`,
      share <= RESULT_MEMORY_MAX,
    ),
  ];
}
