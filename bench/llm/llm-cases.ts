import { join } from 'node:path';
import { HEADERS } from '../gateway.ts';
import type { Load } from '../measure.ts';
import { LOAD, runJob, type Started } from '../processes.ts';
import { type Manner, streamModel, WHOLE } from './answers.ts';
import { EACH, type LlmStage, MANY, MESSAGES_PREFIX } from './stage.ts';
import type { StreamJob, StreamLoad } from './stream-job.ts';

/** What one load of a case did. */
export interface LlmLoad {
  readonly requests: number;
  /** Requests, or events. */
  readonly units: number;
  readonly seconds: number;
  readonly failures: number;
  /** Of whole answers their end, of streamed ones their first event. Microseconds. */
  readonly p50Us: number;
  readonly p99Us: number | undefined;
}

/** A line of the report: a load, what it is put on, and what was measured. */
export interface LlmCase {
  readonly name: string;
  readonly unit: 'request' | 'event';
  readonly target: Started;
  load(seconds: number): Promise<LlmLoad>;
  /** Name of the yardstick. */
  readonly against: string | undefined;
  /** Processor time per unit in microseconds, and the rest, of each repeat. */
  readonly results: { readonly cpuUs: number; readonly otherThreadsUs: number; readonly load: LlmLoad }[];
}

const CONNECTIONS = [1, 16, 64] as const;
/** Of streams; at this number the chunks of `EACH` come one by one, and the processor has time left. */
export const STREAM_CONNECTIONS = 48;
export const MANY_CONNECTIONS = 16;
export const PEER_CONNECTIONS = 16;
const HERE = import.meta.dirname;
const DRIVER = join(HERE, '..', 'driver.ts');
const STREAM_DRIVER = join(HERE, 'load.ts');
const CHAT = '/v1/chat/completions';

export const WHOLE_BODY = JSON.stringify({
  model: WHOLE,
  messages: [
    { role: 'system', content: 'You are an assistant who gives back what is said to you.' },
    { role: 'user', content: `Give this back: ${'x'.repeat(800)}` },
  ],
  temperature: 0.2,
  max_tokens: 400,
});

/** What a client of each format sends to have a streamed answer, and how that is to look. */
export const CLIENTS = {
  chat: {
    path: CHAT,
    body: (model: string) => ({
      model,
      messages: [{ role: 'user', content: 'Say something.' }],
      stream: true,
      stream_options: { include_usage: true },
    }),
    expectEach: '@',
    expectEnd: 'data: [DONE]',
  },
  messages: {
    path: '/v1/messages',
    body: (model: string) => ({
      model,
      max_tokens: 400,
      messages: [{ role: 'user', content: 'Say something.' }],
      stream: true,
    }),
    expectEach: '"text_delta"',
    expectEnd: 'event: message_stop',
  },
  responses: {
    path: '/v1/responses',
    body: (model: string) => ({ model, input: 'Say something.', stream: true, store: false }),
    expectEach: 'event: response.output_text.delta',
    expectEnd: 'event: response.completed',
  },
} as const;

type ClientFormat = keyof typeof CLIENTS;

/** The job of a streamed answer for a client of a format. */
export function streamJob(
  target: Started,
  format: ClientFormat,
  model: string,
  manner: Manner,
  connections: number,
  headers: Readonly<Record<string, string>> = HEADERS,
): Omit<StreamJob, 'seconds'> {
  const { path, body, expectEach, expectEnd } = CLIENTS[format];
  return {
    port: target.port,
    path,
    headers,
    body: JSON.stringify(body(model)),
    connections,
    events: manner.events,
    expectEach,
    expectEnd,
  };
}

/** Puts the load of streamed answers on. Rejects when an answer was wrong. */
export async function runStreams(job: StreamJob): Promise<StreamLoad> {
  const load = await runJob<StreamLoad>(STREAM_DRIVER, job, LOAD);
  if (load.failures > 0)
    throw new Error(`${load.failures} wrong answers from ${job.path} on port ${job.port}`);
  if (load.responses === 0) throw new Error(`no answer was whole from ${job.path} on port ${job.port}`);
  return load;
}

export function wholeCase(
  name: string,
  target: Started,
  connections: number,
  against?: string,
  headers: Readonly<Record<string, string>> = HEADERS,
): LlmCase {
  const job = {
    method: 'POST',
    path: CHAT,
    headers,
    body: WHOLE_BODY,
    expect: 'Given back.',
    port: target.port,
  };
  return {
    name,
    unit: 'request',
    target,
    against,
    results: [],
    load: async (seconds) => {
      const load = await runJob<Load>(DRIVER, { ...job, connections, seconds }, LOAD);
      return { ...load, units: load.requests };
    },
  };
}

export function streamCase(
  name: string,
  target: Started,
  job: Omit<StreamJob, 'seconds'>,
  against?: string,
): LlmCase {
  return {
    name,
    unit: 'event',
    target,
    against,
    results: [],
    load: async (seconds) => {
      const { responses, firstP50Us, ...load } = await runStreams({ ...job, seconds });
      return {
        ...load,
        requests: responses,
        units: responses * job.events,
        p50Us: firstP50Us,
        p99Us: undefined,
      };
    },
  };
}

/** (1) Whole answers, the same format on both sides. */
export function callCases({ upstream, proxy, gateway, withoutDatabase }: LlmStage): readonly LlmCase[] {
  return CONNECTIONS.flatMap((connections) => {
    const end = `, ${connections} conn.`;
    const against = `(b) bare proxy${end}`;
    return [
      wholeCase(`(a) direct to the provider${end}`, upstream, connections),
      wholeCase(against, proxy, connections),
      wholeCase(`(c) Lanport${end}`, gateway, connections, against),
      wholeCase(`(d) Lanport, disable_database${end}`, withoutDatabase, connections, against),
    ];
  });
}

const WAYS = [
  { manner: EACH, connections: STREAM_CONNECTIONS, text: 'an event a chunk' },
  { manner: MANY, connections: MANY_CONNECTIONS, text: `${MANY.eventsPerChunk} events a chunk` },
] as const;

/** Name of the yardstick of streams. */
function yardstick(text: string): string {
  return `(f) bare proxy, ${text}`;
}

/** (2) Streamed answers, the same format on both sides, and their yardstick. */
export function streamCases({ upstream, streamProxy, withoutDatabase }: LlmStage): readonly LlmCase[] {
  return WAYS.flatMap(({ manner, connections, text }) => {
    const job = (target: Started): Omit<StreamJob, 'seconds'> =>
      streamJob(target, 'chat', streamModel(manner), manner, connections);
    return [
      streamCase(`(e) direct to the provider, ${text}`, upstream, job(upstream)),
      streamCase(yardstick(text), streamProxy, job(streamProxy)),
      streamCase(`(g) Lanport, ${text}`, withoutDatabase, job(withoutDatabase), yardstick(text)),
    ];
  });
}

/** (3) Streamed answers from one format into another. */
export function translatedCases({ withoutDatabase }: LlmStage): readonly LlmCase[] {
  return WAYS.flatMap(({ manner, connections, text }) => {
    const one = (format: ClientFormat, prefix: string, provided: string): LlmCase =>
      streamCase(
        `(h) Lanport, ${format} from ${provided}, ${text}`,
        withoutDatabase,
        streamJob(withoutDatabase, format, `${prefix}${streamModel(manner)}`, manner, connections),
      );
    return [
      one('chat', MESSAGES_PREFIX, 'messages'),
      one('messages', '', 'chat'),
      one('responses', '', 'chat'),
    ];
  });
}
