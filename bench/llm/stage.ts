import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchRun } from '../bench-run.ts';
import { startGateway } from '../gateway.ts';
import { LOAD, moveChildren, type Started, UNDER_TEST } from '../processes.ts';
import { type Manner, streamModel, WHOLE } from './answers.ts';

const HERE = import.meta.dirname;
/** Each event in a chunk of its own, a little after the one before. */
export const EACH: Manner = { events: 200, eventsPerChunk: 1, periodMs: 8 };
/** Many events in a chunk, as fast as they go. */
export const MANY: Manner = { events: 400, eventsPerChunk: 20, periodMs: 0 };
/** For many streams at once: 50 events a second. */
export const PACE: Manner = { events: 250, eventsPerChunk: 1, periodMs: 20 };
/** Short, for memory. */
export const SHORT: Manner = { events: 20, eventsPerChunk: 1, periodMs: 0 };
const MANNERS = [EACH, MANY, PACE, SHORT] as const;

/** Before the names of models behind which a provider speaks Messages. */
export const MESSAGES_PREFIX = 'claude-';

/** The models of the mock provider, for a gateway's configuration. */
export function modelsAt(upstream: Started): readonly unknown[] {
  const url = `http://127.0.0.1:${upstream.port}`;
  const names = [WHOLE, ...MANNERS.map(streamModel)];
  return names.flatMap((name) => [
    {
      model_name: name,
      litellm_params: { model: `custom_openai/${name}`, api_base: `${url}/v1`, api_key: 'sk-up' },
    },
    {
      model_name: `${MESSAGES_PREFIX}${name}`,
      litellm_params: { model: `anthropic/${name}`, api_base: url, api_key: 'sk-up' },
    },
  ]);
}

/** The mock provider, the yardsticks, and gateways with and without a database. */
export interface LlmStage {
  readonly upstream: Started;
  readonly proxy: Started;
  readonly streamProxy: Started;
  /** As it comes. */
  readonly gateway: Started;
  readonly withoutDatabase: Started;
}

export async function setUpLlm({ folder, start, track }: BenchRun): Promise<LlmStage> {
  const upstream = await start(LOAD, [join(HERE, 'upstream.ts')]);
  const baseline = (file: string): Promise<Started> =>
    start(UNDER_TEST, [join(HERE, '..', 'baselines', file), String(upstream.port)]);
  const gateway = async (name: string, general: Readonly<Record<string, unknown>>): Promise<Started> => {
    const own = join(folder, name);
    await mkdir(own);
    const started = await startGateway({ folder: own, servers: {}, models: modelsAt(upstream), general });
    track(started);
    // The database is not the process under test.
    moveChildren(started.pid, LOAD);
    return started;
  };
  return {
    upstream,
    proxy: await baseline('bare-proxy.ts'),
    streamProxy: await baseline('bare-stream-proxy.ts'),
    gateway: await gateway('llm-gateway', {}),
    withoutDatabase: await gateway('llm-without-database', { disable_database: true }),
  };
}
