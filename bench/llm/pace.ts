import { cpuTimeUs } from '../measure.ts';
import type { Started } from '../processes.ts';
import { streamModel } from './answers.ts';
import { runStreams, streamJob } from './llm-cases.ts';
import { type LlmStage, PACE } from './stage.ts';
import type { StreamLoad } from './stream-job.ts';

export const PACE_STREAMS = 500;

/** Many streams at once, each at the pace of a model. */
export interface PaceResult {
  readonly name: string;
  readonly load: StreamLoad;
  /** Processor time of the process under test, as a share of the time. */
  readonly busy: number;
  readonly cpuUsPerEvent: number;
}

/** (4) The delay of events: direct, through the yardstick, and through Lanport, one after the other. */
export async function measurePace(stage: LlmStage): Promise<readonly PaceResult[]> {
  const { upstream, streamProxy, withoutDatabase } = stage;
  const results: PaceResult[] = [];
  for (const [name, target] of [
    ['direct', upstream],
    ['bare proxy', streamProxy],
    ['Lanport', withoutDatabase],
  ] as const)
    results.push(await paceOf(name, target));
  return results;
}

async function paceOf(name: string, target: Started): Promise<PaceResult> {
  const before = cpuTimeUs(target.pid);
  const load = await runStreams({
    ...streamJob(target, 'chat', streamModel(PACE), PACE, PACE_STREAMS),
    seconds: 60,
    responsesMax: PACE_STREAMS,
    hasTimes: true,
  });
  const cpuUs = cpuTimeUs(target.pid) - before;
  return {
    name,
    load,
    busy: cpuUs / (load.seconds * 1_000_000),
    cpuUsPerEvent: cpuUs / (load.responses * PACE.events),
  };
}

/** The figures as Markdown. */
export function paceReport(results: readonly PaceResult[]): string {
  return [
    `## ${PACE_STREAMS} streams at once, ${1_000 / PACE.periodMs} events a second each`,
    '',
    'Delay is the time from the sending of an event by the provider to its arrival at the client.',
    '',
    '| way | delay p50 ms | p99 ms | CPU µs per event | busy |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...results.map(
      ({ name, load, busy, cpuUsPerEvent }) =>
        `| ${name} | ${ms(load.delayP50Us)} | ${ms(load.delayP99Us)} | ${cpuUsPerEvent.toFixed(1)} | ${(busy * 100).toFixed(0)} % |`,
    ),
    '',
  ].join('\n');
}

function ms(us: number): string {
  return (us / 1_000).toFixed(2);
}
