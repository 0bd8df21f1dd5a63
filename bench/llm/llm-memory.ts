import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchRun } from '../bench-run.ts';
import { collect, collecting } from '../collect.ts';
import { HEADERS, startGateway } from '../gateway.ts';
import type { Load } from '../measure.ts';
import { LOAD, runJob, type Started } from '../processes.ts';
import { streamModel } from './answers.ts';
import { runStreams, streamJob, WHOLE_BODY } from './llm-cases.ts';
import { type LlmStage, MESSAGES_PREFIX, modelsAt, SHORT } from './stage.ts';

/** What a gateway holds after so many requests, garbage collected. */
export interface LlmMemory {
  readonly requests: number;
  readonly residentMib: number;
  readonly heapMib: number;
}

const DRIVER = join(import.meta.dirname, '..', 'driver.ts');
const CONNECTIONS = 32;
const STEP = 20_000;
const STEPS = 5;
/** Of each step, streamed in the same format, and from another. */
const STREAMED = 2_000;
const SECONDS_MAX = 240;

/** (5) Whether memory stays as it is, from 20,000 requests to 100,000: whole, streamed, and from another format. */
export async function measureLlmMemory(run: BenchRun, { upstream }: LlmStage): Promise<readonly LlmMemory[]> {
  const own = join(run.folder, 'llm-memory');
  await mkdir(own);
  await using gateway = await startGateway({
    folder: own,
    servers: {},
    models: modelsAt(upstream),
    general: { disable_database: true },
    ...(await collecting(own)),
  });
  const results: LlmMemory[] = [];
  for (let step = 1; step <= STEPS; step++) {
    await requests(gateway);
    results.push({ requests: step * STEP, ...(await collect(gateway, own)) });
  }
  return results;
}

async function requests(gateway: Started): Promise<void> {
  const job = {
    method: 'POST',
    path: '/v1/chat/completions',
    headers: HEADERS,
    body: WHOLE_BODY,
    expect: 'Given back.',
    port: gateway.port,
    connections: CONNECTIONS,
    seconds: SECONDS_MAX,
    requestsMax: STEP - 2 * STREAMED,
  };
  await runJob<Load>(DRIVER, job, LOAD);
  for (const prefix of ['', MESSAGES_PREFIX])
    await runStreams({
      ...streamJob(gateway, 'chat', `${prefix}${streamModel(SHORT)}`, SHORT, CONNECTIONS),
      seconds: SECONDS_MAX,
      responsesMax: STREAMED,
    });
}

/** The figures as Markdown. */
export function llmMemoryReport(results: readonly LlmMemory[]): string {
  return [
    '## Memory over many requests',
    '',
    'A gateway without a database, garbage collected; four fifths of the requests are whole answers, the others streams, half of them from another format.',
    '',
    '| requests | resident MiB | heap MiB |',
    '| ---: | ---: | ---: |',
    ...results.map(
      ({ requests: count, residentMib, heapMib }) =>
        `| ${count} | ${residentMib.toFixed(1)} | ${heapMib.toFixed(2)} |`,
    ),
    '',
  ].join('\n');
}
