import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { answerFacts } from '../../../../test/support/llm/answer-facts.ts';
import {
  joinedParts,
  readGeminiChunks,
  readGeminiStream,
} from '../../../../test/support/llm/gemini-client.ts';
import { goldenLines } from '../../../../test/support/llm/sse-events.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import type { AnswerEvent, Usage } from '../../conversation/answer.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { ArrayFraming, ArrayWriter } from './array-framing.ts';
import { GEMINI } from './format.ts';

const GOLDEN = new URL('../../../../test/golden/gemini/', import.meta.url);
const golden = (name: string): readonly Buffer[] =>
  goldenLines(readFileSync(new URL(`${name}.txt`, GOLDEN), 'utf8'));

const STREAMS = ['stream-thinking-tools', 'stream-search', 'stream-partial-args', 'stream-blocked'];

function read(lines: readonly Buffer[]): readonly AnswerEvent[] {
  const reader = GEMINI.answerReader();
  return [...lines.flatMap((line) => reader.read(undefined, line)), ...reader.end()];
}

function write(events: readonly AnswerEvent[]): ReturnType<typeof readGeminiStream> {
  const writer = GEMINI.answerWriter(answerFacts());
  return readGeminiStream(Buffer.concat(events.map((event) => writer.write(event))));
}

const failure = (run: () => unknown): LlmFailure => {
  try {
    run();
  } catch (error) {
    if (error instanceof LlmFailure) return error;
    throw error;
  }
  throw new Error('It did not fail.');
};

/** Ids that were made up, as they come in order. */
function known(value: unknown): string {
  const ids = new Map<string, string>();
  return JSON.stringify(value, null, 1).replaceAll(/gemini_call_[0-9a-f]+/g, (id) => {
    if (!ids.has(id)) ids.set(id, `(made up ${ids.size + 1})`);
    return ids.get(id) ?? '';
  });
}

function withoutTime(event: AnswerEvent): AnswerEvent {
  return event.kind === 'start' ? { ...event, createdAt: 0 } : event;
}

function plain(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

describe('a golden stream', () => {
  test.each(STREAMS)('%s: what it says, in order and without gaps', async (name) => {
    const events = read(golden(name));
    await expect(`${known(events.map(withoutTime))}\n`).toMatchFileSnapshot(
      fileURLToPath(new URL(`${name}.events.json`, GOLDEN)),
    );
    const starts = events.filter((event) => event.kind === 'part-start').map(({ at }) => at);
    expect(starts).toEqual(starts.map((_, index) => index));
  });

  test.each(['stream-thinking-tools', 'stream-search'])(
    '%s: written again, a client has the same parts',
    (name) => {
      const lines = golden(name);
      const before = readGeminiChunks(lines.map((line) => JSON.parse(line.toString()) as JsonObject));
      const after = write(read(lines));
      expect(joinedParts(after.parts)).toEqual(joinedParts(before.parts));
      expect(after.finishReason).toBe(before.finishReason);
      for (const member of ['groundingMetadata', 'safetyRatings'])
        expect(after.candidate[member]).toEqual(before.candidate[member]);
    },
  );

  test('a blocked prompt is one', () => {
    const answer = buildAnswer(read(golden('stream-blocked')));
    expect(answer).toMatchObject({ parts: [], stop: { kind: 'content-filter', raw: 'PROHIBITED_CONTENT' } });
    expect(write(read(golden('stream-blocked'))).last).toMatchObject({
      promptFeedback: { blockReason: 'PROHIBITED_CONTENT' },
      usageMetadata: { promptTokenCount: 9 },
    });
  });

  test.each(STREAMS)('%s: whole and streamed answers say the same', (name) => {
    const events = read(golden(name));
    const streamed = write(events);
    const whole = plain(GEMINI.writeAnswer(buildAnswer(events), answerFacts()));
    if (whole['candidates'] === undefined) {
      expect(whole).toEqual(streamed.last);
      return;
    }
    const one = readGeminiChunks([whole]);
    expect(joinedParts(one.parts)).toEqual(joinedParts(streamed.parts));
    expect(one.finishReason).toBe(streamed.finishReason);
    expect(whole['usageMetadata']).toEqual(streamed.last['usageMetadata']);
    const again = buildAnswer(GEMINI.readAnswer(whole));
    const { parts, stop, usage } = buildAnswer(events);
    expect(known(again.parts)).toBe(known(parts));
    expect(again.usage).toEqual(usage);
    expect(again.stop.kind).toBe(stop.kind);
  });

  test.each(STREAMS)('%s: cut anywhere, it is never complete', (name) => {
    const lines = golden(name);
    for (let count = 0; count < lines.length; count++) {
      const reader = GEMINI.answerReader();
      for (const line of lines.slice(0, count)) reader.read(undefined, line);
      expect(failure(() => reader.end())).toMatchObject({ kind: 'cut', status: 502 });
    }
  });

  test.each(STREAMS)('%s: watched on its way, it has the same usage and end', (name) => {
    const observer = GEMINI.observer();
    const lines = golden(name);
    const { usage, stop, parts } = buildAnswer(read(lines));
    for (const [index, line] of lines.entries())
      expect(observer.event(undefined, line).isComplete).toBe(index === lines.length - 1);
    const seen = observer.event(undefined, Buffer.from('{"candidates":[]}'));
    expect(seen).toMatchObject({ usage, failure: undefined, hasContent: parts.length > 0 });
    expect([seen.stop?.kind, seen.stop?.raw]).toEqual([stop.kind, stop.raw]);
    const body = Buffer.from(JSON.stringify(GEMINI.writeAnswer(buildAnswer(read(lines)), answerFacts())));
    expect(GEMINI.observer().whole(body)).toMatchObject({ usage, isComplete: true });
  });

  test.each(STREAMS)('%s: as one JSON list, it has the same chunks', (name) => {
    const events = read(golden(name));
    const writer = new ArrayWriter(answerFacts());
    const list = Buffer.concat([
      writer.ping(),
      ...events.flatMap((event) => [writer.write(event), writer.ping()]),
    ]);
    const chunks = JSON.parse(list.toString()) as JsonObject[];
    expect(readGeminiChunks(chunks)).toEqual(write(events));
  });
});

describe('reading', () => {
  test('usage: the prompt includes tools and cache, thoughts are part of the output', () => {
    expect(buildAnswer(read(golden('stream-thinking-tools'))).usage).toEqual({
      input: 29,
      output: 42 + 31,
      cacheRead: 8,
      cacheWrite: 0,
      cacheWrite1h: 0,
      reasoning: 31,
      audioInput: 0,
      audioOutput: 0,
    } satisfies Usage);
    expect(buildAnswer(read(golden('stream-search'))).usage).toMatchObject({ input: 17 + 308, output: 11 });
  });

  test('sources have their place in characters', () => {
    const [text] = buildAnswer(read(golden('stream-search'))).parts;
    expect(text).toMatchObject({
      text: 'Köln liegt am Rhein. Ja.',
      citations: [
        {
          url: 'https://example.com/koeln',
          title: 'example.com',
          start: 0,
          end: 20,
          quote: 'Köln liegt am Rhein.',
        },
        { url: 'https://example.org/rhein', start: 0, end: 20 },
      ],
    });
  });

  test('an input that comes in pieces is put together', () => {
    const [first, second] = buildAnswer(read(golden('stream-partial-args'))).parts;
    expect(first).toMatchObject({
      name: 'save',
      input: '{"items":[{"name":"apple","price":0.5},{"isFresh":true}],"note":null}',
      seal: { format: 'gemini', value: 'CiMBjz1rX25KieIB4d4AwFn8' },
    });
    expect(second).toMatchObject({ name: 'save', input: '{"note":"last"}' });
  });

  test('a place outside of the input changes nothing', () => {
    const call = {
      name: 'f',
      partialArgs: [
        { jsonPath: '$.__proto__.x', stringValue: 'y' },
        { jsonPath: "$['a b']", stringValue: 'z' },
      ],
    };
    const events = GEMINI.readAnswer({
      candidates: [{ content: { parts: [{ functionCall: call }] }, finishReason: 'STOP' }],
    });
    expect(buildAnswer(events).parts).toMatchObject([{ input: '{"a b":"z"}' }]);
    expect(({} as { x?: string }).x).toBeUndefined();
  });

  test.each([
    ['MAX_TOKENS', 'length'],
    ['SAFETY', 'content-filter'],
    ['RECITATION', 'content-filter'],
    ['LANGUAGE', 'other'],
    ['A_NEW_REASON', 'other'],
  ])('an end for the reason %s is %s, and stays what it was', (reason, kind) => {
    const events = GEMINI.readAnswer({ candidates: [{ finishReason: reason }] });
    expect(buildAnswer(events).stop).toMatchObject({ kind, raw: reason });
    expect(write(events).finishReason).toBe(reason);
  });

  test.each(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL'])(
    'an end for the reason %s is none',
    (reason) => {
      const broken = { candidates: [{ finishReason: reason, finishMessage: 'Malformed: print(f(' }] };
      expect(failure(() => GEMINI.readAnswer(broken))).toMatchObject({
        kind: 'upstream',
        status: 502,
        code: reason.toLowerCase(),
        message: `The model ended its answer with ${reason}. Malformed: print(f(`,
      });
      const reader = GEMINI.answerReader();
      reader.read(
        undefined,
        Buffer.from(JSON.stringify({ candidates: [{ content: { parts: [{ text: 'I' }] } }] })),
      );
      reader.read(undefined, Buffer.from(JSON.stringify(broken)));
      expect(failure(() => reader.end()).kind).toBe('upstream');
    },
  );

  test('images, code and other parts of an answer', () => {
    const parts = [
      { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' }, thoughtSignature: 'CiQB' },
      { executableCode: { language: 'PYTHON', code: '1' } },
    ];
    const events = GEMINI.readAnswer({ candidates: [{ content: { parts }, finishReason: 'STOP' }] });
    expect(buildAnswer(events).parts).toMatchObject([
      { kind: 'image', seal: { value: 'CiQB' } },
      { kind: 'foreign' },
    ]);
    expect(joinedParts(write(events).parts)).toEqual(parts);
  });

  test('probabilities of tokens come and go', () => {
    const logprobsResult = {
      chosenCandidates: [{ token: 'Hi', logProbability: -0.1 }],
      topCandidates: [
        {
          candidates: [
            { token: 'Hi', logProbability: -0.1 },
            { token: 'Ho', logProbability: -2 },
          ],
        },
      ],
    };
    const events = GEMINI.readAnswer({
      candidates: [{ content: { parts: [{ text: 'Hi' }] }, finishReason: 'STOP', logprobsResult }],
    });
    expect(buildAnswer(events).logprobs).toMatchObject([
      {
        token: 'Hi',
        logprob: -0.1,
        bytes: [72, 105],
        top_logprobs: [{ token: 'Hi' }, { token: 'Ho', logprob: -2 }],
      },
    ]);
    expect(write(events).candidate['logprobsResult']).toEqual(logprobsResult);
  });

  test('only the first candidate is read', () => {
    const candidate = (index: number, text: string): JsonObject => ({
      index,
      content: { parts: [{ text }] },
      finishReason: 'STOP',
    });
    const events = GEMINI.readAnswer({ candidates: [candidate(1, 'b'), candidate(0, 'a')] });
    expect(buildAnswer(events).parts).toMatchObject([{ text: 'a' }]);
  });

  test('an error in the stream is a failure', () => {
    const data = Buffer.from(
      '{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}',
    );
    expect(failure(() => GEMINI.answerReader().read(undefined, data))).toMatchObject({
      kind: 'overloaded',
      status: 503,
    });
    expect(GEMINI.observer().event(undefined, data).failure).toMatchObject({ kind: 'overloaded' });
    expect(failure(() => GEMINI.answerReader().read(undefined, Buffer.from('{"candid')))).toMatchObject({
      kind: 'cut',
    });
    expect(failure(() => GEMINI.readAnswer({ hello: 1 }))).toMatchObject({ kind: 'upstream' });
  });
});

describe('writing', () => {
  const start: AnswerEvent = { kind: 'start', id: 'msg_1', model: 'm', createdAt: 0 };

  test('parts that overlap come one after the other, calls whole', () => {
    const { parts, finishReason } = write([
      start,
      { kind: 'part-start', at: 0, part: { kind: 'tool-call', id: 'a', name: 'f' } },
      { kind: 'part-start', at: 1, part: { kind: 'text' } },
      { kind: 'input', at: 0, text: '{"n":' },
      { kind: 'text', at: 1, text: 'Hello.' },
      { kind: 'input', at: 0, text: '12345678901234567890}' },
      { kind: 'part-end', at: 0 },
      { kind: 'part-end', at: 1 },
      { kind: 'stop', stop: { kind: 'tool-calls' } },
      { kind: 'end' },
    ]);
    expect(joinedParts(parts)).toEqual([
      { functionCall: { id: 'a', name: 'f', args: { n: Number('12345678901234567890') } } },
      { text: 'Hello.' },
    ]);
    expect(finishReason).toBe('STOP');
  });

  test('numbers of twenty digits keep them', () => {
    const writer = GEMINI.answerWriter(answerFacts());
    writer.write({ kind: 'part-start', at: 0, part: { kind: 'tool-call', id: 'a', name: 'f' } });
    writer.write({ kind: 'input', at: 0, text: '{"n":12345678901234567890}' });
    expect(writer.write({ kind: 'part-end', at: 0 }).toString()).toContain(
      '"args":{"n":12345678901234567890}',
    );
  });

  test('citations of other formats become grounding, in bytes', () => {
    const citation = { format: 'messages' as const, url: 'https://a', title: 'A', start: 0, end: 4, raw: {} };
    const { candidate } = write([
      start,
      { kind: 'part-start', at: 0, part: { kind: 'text' } },
      { kind: 'citation', at: 0, citation },
      { kind: 'text', at: 0, text: 'Köln!' },
      { kind: 'part-end', at: 0 },
      { kind: 'stop', stop: { kind: 'end' } },
      { kind: 'end' },
    ]);
    expect(candidate['groundingMetadata']).toEqual({
      groundingChunks: [{ web: { uri: 'https://a', title: 'A' } }],
      groundingSupports: [
        { segment: { startIndex: 0, endIndex: 5, text: 'Köln' }, groundingChunkIndices: [0] },
      ],
    });
  });

  test('a failure in the midst of the stream is an error, also in a list', () => {
    const error = new LlmFailure('overloaded', 'Too many.', { status: 503 });
    const body = { error: { code: 503, message: 'Too many.', status: 'UNAVAILABLE' } };
    const bytes = GEMINI.answerWriter(answerFacts()).fail(error);
    expect(bytes.toString()).toBe(`data: ${JSON.stringify(body)}\r\n\r\n`);
    expect(GEMINI.failEvent(error)).toEqual(bytes);
    const framing = new ArrayFraming();
    const list = Buffer.concat([framing.chunk(Buffer.from('{"a":1}')), framing.fail(error)]);
    expect(JSON.parse(list.toString())).toEqual([{ a: 1 }, body]);
    expect(JSON.parse(new ArrayFraming().end().toString())).toEqual([]);
  });

  test('what says nothing is white space, which the oldest clients skip too', () => {
    expect(GEMINI.answerWriter(answerFacts()).ping().toString()).toBe('\r\n');
    expect(GEMINI.answerWriter(answerFacts()).write({ kind: 'ping' }).toString()).toBe('\r\n');
  });
});
