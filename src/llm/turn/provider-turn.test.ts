import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deploymentOf } from '../../../test/support/llm/calls.ts';
import { type Dialect, DIALECTS } from '../../../test/support/llm/dialects.ts';
import {
  EVENTS,
  type ProviderReply,
  startProvider,
  type TestProvider,
} from '../../../test/support/llm/provider.ts';
import { HttpClient } from '../../net/http-client.ts';
import type { AnswerEvent } from '../conversation/answer.ts';
import { AnswerBuilder } from '../conversation/answer-builder.ts';
import { Dropped } from '../conversation/dropped.ts';
import type { LlmFailure } from '../conversation/llm-failure.ts';
import type { ModelRequest } from '../conversation/request.ts';
import { FORMATS } from '../formats/formats.ts';
import { Prepared } from '../upstream/prepared.ts';
import { Tally } from '../usage/tally.ts';
import { providerTurn } from './provider-turn.ts';
import type { TurnHandle } from './turn.ts';

const REQUEST: ModelRequest = {
  model: 'm',
  isStream: true,
  system: [],
  turns: [{ role: 'user', parts: [{ kind: 'text', text: 'Say hello' }] }],
  tools: [],
  sampling: {},
};

let provider: TestProvider;
let http: HttpClient;

beforeAll(async () => {
  provider = await startProvider();
  http = new HttpClient();
});

afterAll(async () => {
  await http[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

interface Heard {
  readonly events: readonly AnswerEvent[];
  /** Everything in order: `head`, `events`, `end`, or the kind of a failure. */
  readonly steps: readonly string[];
  readonly failure: LlmFailure | undefined;
  readonly tally: Tally;
}

interface Options {
  readonly isStream?: boolean;
  readonly request?: ModelRequest;
  readonly bytesMax?: number;
  /** Called with each piece that is heard. */
  readonly onEvents?: (handle: TurnHandle) => void;
}

async function turn(dialect: Dialect, reply: ProviderReply, options: Options = {}): Promise<Heard> {
  provider.answer(reply);
  const { isStream = true, request = REQUEST, bytesMax = 100_000 } = options;
  const format = FORMATS[dialect.name];
  const deployment = await deploymentOf({ model: dialect.model, api_base: provider.url, api_key: 'k' });
  const heard = {
    events: [] as AnswerEvent[],
    steps: [] as string[],
    failure: undefined as LlmFailure | undefined,
  };
  const tally = new Tally();
  await new Promise<void>((resolve) => {
    const handle: TurnHandle = providerTurn(
      {
        deployment,
        format,
        operation: 'generate',
        isStream,
        body: Buffer.from(JSON.stringify(format.writeRequest(request, new Dropped()))),
        headers: [],
        timeouts: { connectMs: 2_000, firstByteMs: 2_000, idleMs: 60_000, totalMs: 60_000 },
      },
      request,
      tally,
      {
        onEvents: (events) => {
          heard.events.push(...events);
          if (heard.steps.at(-1) !== 'events') heard.steps.push('events');
          options.onEvents?.(handle);
        },
        onEnd: () => {
          heard.steps.push('end');
          resolve();
        },
        onFailure: (failure) => {
          heard.failure = failure;
          heard.steps.push(failure.kind);
          resolve();
        },
      },
      () => heard.steps.push('head'),
      { http, prepared: new Prepared() },
      bytesMax,
    );
  });
  return { ...heard, tally };
}

function textIn(events: readonly AnswerEvent[]): string {
  return events.map((event) => (event.kind === 'text' ? event.text : '')).join('');
}

const all = ({ stream }: Dialect): string => stream.start + stream.content + stream.rest;
const bytewise = (text: string): Buffer[] => {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / 5) }, (_, at) => bytes.subarray(at * 5, at * 5 + 5));
};

describe.each(DIALECTS)('a turn of a provider that speaks $name', (dialect) => {
  test('says the same whole, streamed, and streamed in pieces that end anywhere', async () => {
    const bodies: readonly (readonly [boolean, ProviderReply])[] = [
      [false, { body: [JSON.stringify(dialect.whole)] }],
      [true, { headers: EVENTS, body: [all(dialect)] }],
      [true, { headers: EVENTS, body: bytewise(all(dialect)) }],
    ];
    for (const [isStream, reply] of bodies) {
      const { events, steps, tally } = await turn(dialect, reply, { isStream });
      expect(steps).toEqual(['head', 'events', 'end']);
      expect(textIn(events)).toBe('Hello world');
      const builder = new AnswerBuilder();
      for (const event of events) builder.add(event);
      expect(builder.answer()).toMatchObject({ parts: [{ kind: 'text' }], stop: { kind: 'end' } });
      // Its chunks of Chat Completions do not tell the usage.
      if (isStream && dialect.name === 'chat') expect(tally.untold).toBeGreaterThan(0);
      else expect(tally).toMatchObject({ usage: { input: 3, output: 2 }, untold: 0, isSent: true });
    }
  });

  test('that breaks off has one failure behind what it said', async () => {
    const body = [dialect.stream.start + dialect.stream.content];
    for (const end of ['reset', 'close', 'whole'] as const) {
      const { events, steps, failure } = await turn(dialect, { headers: EVENTS, body, end });
      expect(steps).toEqual(['head', 'events', 'cut']);
      expect(textIn(events)).toBe('Hello');
      expect(failure?.status).toBe(502);
    }
  });

  test('whose events make no sense fails where they begin to, and its provider is let go', async () => {
    const heard = Promise.withResolvers<void>();
    const { start, content, rest } = dialect.stream;
    const body = [start + content, heard.promise, 'data: oops\n\n', 20, rest];
    const { events, steps } = await turn(
      dialect,
      { headers: EVENTS, body, end: 'stall' },
      { onEvents: () => heard.resolve() },
    );
    expect(textIn(events)).toBe('Hello');
    expect(steps).toHaveLength(3);
    expect(steps.at(-1)).toMatch(/^(?:cut|upstream)$/);
    await provider.requests.at(-1)!.gone;
  });

  test('tells nothing of a beginning that came together with its failure', async () => {
    const body = [`${dialect.stream.start}${dialect.stream.content}data: oops\n\n`];
    const { steps } = await turn(dialect, { headers: EVENTS, body });
    expect(steps).not.toContain('events');
    expect(steps).toHaveLength(2);
  });

  test('is none when it is of another type, too large, or no answer', async () => {
    const page = await turn(dialect, { headers: { 'content-type': 'text/html' }, body: ['<html>'] });
    expect(page).toMatchObject({ events: [], failure: { kind: 'upstream', status: 502 } });
    const large = await turn(dialect, { body: ['x'.repeat(300)] }, { isStream: false, bytesMax: 200 });
    expect(large).toMatchObject({ events: [], failure: { kind: 'upstream', status: 502 } });
    const odd = await turn(dialect, { body: ['{"ok":true}'] }, { isStream: false });
    expect(odd.events).toEqual([]);
    expect(odd.steps).toHaveLength(2);
    expect(odd.failure?.status).toBeGreaterThanOrEqual(500);
  });

  test('is silent once it is given up', async () => {
    let resolve = (): void => undefined;
    const given = new Promise<void>((done) => (resolve = done));
    const { start, content, rest } = dialect.stream;
    let count = 0;
    void turn(
      dialect,
      { headers: EVENTS, body: [start + content, given, rest], end: 'stall' },
      {
        onEvents: (handle) => {
          count++;
          handle.abort();
          resolve();
        },
      },
    );
    await given;
    await provider.requests.at(-1)!.gone;
    expect(count).toBe(1);
  });
});

test('calls have the names that the request has for its tools, though the provider had to be told others', async () => {
  const dialect = DIALECTS.find(({ name }) => name === 'chat')!;
  const name = 'files.read/all';
  const tools = [{ kind: 'function' as const, name, schema: { type: 'object' } }];
  const request = { ...REQUEST, tools };
  const body = FORMATS.chat.writeRequest(request, new Dropped()) as unknown as {
    readonly tools: readonly [{ readonly function: { readonly name: string } }];
  };
  const told = body.tools[0].function.name;
  expect(told).not.toBe(name);
  const called = dialect.stream.tool.replaceAll('"look"', JSON.stringify(told));
  const { events } = await turn(
    dialect,
    { headers: EVENTS, body: [dialect.stream.start + called] },
    { request },
  );
  expect(events).toContainEqual(
    expect.objectContaining({ kind: 'part-start', part: expect.objectContaining({ name }) as object }),
  );
});
