import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ClientSide, clientSide } from '../../../test/support/llm/calls.ts';
import { DIALECTS } from '../../../test/support/llm/dialects.ts';
import type { AnswerEvent } from '../conversation/answer.ts';
import { Dropped } from '../conversation/dropped.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { JsonObject } from '../conversation/parts.ts';
import { FORMATS } from '../formats/formats.ts';
import { ClientAnswer } from './client-answer.ts';

const PING_MS = 3_000;
const EVENTS: readonly AnswerEvent[] = [
  { kind: 'start', id: 'a', model: 'theirs', createdAt: 1 },
  { kind: 'part-start', at: 0, part: { kind: 'text' } },
  { kind: 'text', at: 0, text: 'Hello' },
  { kind: 'text', at: 0, text: ' world' },
  { kind: 'part-end', at: 0 },
  { kind: 'stop', stop: { kind: 'end' } },
  { kind: 'end' },
];
const FAILED = new LlmFailure('overloaded', 'too much to do', { status: 503 });

interface Asked {
  readonly isStream?: boolean;
  readonly isArray?: boolean;
}

interface Side {
  readonly answer: ClientAnswer;
  readonly client: ClientSide;
  readonly kept: JsonObject[];
  /** Lets time pass. */
  pass(ms: number): void;
}

function answering(name: FormatName, { isStream = true, isArray = false }: Asked = {}): Side {
  const client = clientSide();
  const kept: JsonObject[] = [];
  let nowMs = 1;
  const dialect = DIALECTS.find((one) => one.name === name)!;
  const source = dialect.request('m', isStream) as JsonObject;
  const dropped = new Dropped();
  const answer = new ClientAnswer({
    format: FORMATS[name],
    facts: {
      model: 'named',
      request: FORMATS[name].readRequest(source, { model: 'm', isStream }),
      source,
      newId: (prefix) => `${prefix}1`,
      now: () => 0,
      dropped,
    },
    isStream,
    isArray,
    out: client,
    headers: (head) => ({ 'x-head': String(head?.status), 'x-dropped': dropped.names.join() }),
    onAnswer: name === 'responses' ? (whole) => kept.push(whole) : undefined,
    pingMs: PING_MS,
    monotonicMs: () => nowMs,
  });
  const pass = (ms: number): void => {
    nowMs += ms;
    vi.advanceTimersByTime(ms);
  };
  return { answer, client, kept, pass };
}

const seenBy = (name: FormatName, { client }: Side, isStream: boolean) =>
  DIALECTS.find((one) => one.name === name)!.seen(
    { status: 200, headers: {}, text: client.said, json: () => JSON.parse(client.said) as never } as never,
    isStream,
  );

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe.each(DIALECTS)('an answer for a client that speaks $name', ({ name }) => {
  test('in one piece is sent when it is whole, with headers of that moment', () => {
    const side = answering(name, { isStream: false });
    side.answer.begin({ status: 200, headers: {} });
    expect(side.answer.take(EVENTS)).toBe(true);
    expect(side.client.heard).toEqual([]);
    expect(side.answer.hasBegun).toBe(false);
    side.answer.end();
    expect(side.client.heard).toEqual(['send 200']);
    expect(side.client.headers).toMatchObject({ 'content-type': 'application/json', 'x-head': '200' });
    expect(seenBy(name, side, false)).toMatchObject({ text: 'Hello world', isComplete: true });
  });

  test('streamed begins once, and ends once and complete', () => {
    const side = answering(name);
    side.answer.begin(undefined);
    side.answer.begin(undefined);
    expect(side.answer.hasBegun).toBe(true);
    for (const event of EVENTS) side.answer.take([event]);
    side.answer.end();
    expect(side.client.heard.filter((one) => one !== 'write')).toEqual(['begin', 'end']);
    expect(seenBy(name, side, true)).toEqual({ text: 'Hello world', isComplete: true, error: undefined });
  });

  test('that fails in its midst ends with the error in its own place, and not as if it were complete', () => {
    const side = answering(name);
    side.answer.begin(undefined);
    side.answer.take(EVENTS.slice(0, 3));
    side.answer.fail(FAILED);
    expect(side.client.heard.at(-1)).toBe('end');
    expect(seenBy(name, side, true)).toMatchObject({
      text: 'Hello',
      isComplete: false,
      error: 'too much to do',
    });
    expect(side.kept).toEqual([]);
  });

  test('tells how fast it is read', () => {
    const side = answering(name);
    side.answer.begin(undefined);
    side.answer.take(EVENTS.slice(0, 2));
    side.client.isSlow = true;
    expect(side.answer.take([EVENTS[2]!])).toBe(false);
    const drained = vi.fn<() => void>();
    side.answer.onDrain(drained);
    side.client.drain();
    expect(drained).toHaveBeenCalledOnce();
  });

  test('has signs of life while it is silent, which no reader takes for content, and none after its end', () => {
    const side = answering(name);
    side.answer.begin(undefined);
    side.answer.take(EVENTS.slice(0, 3));
    const before = side.client.said;
    side.pass(PING_MS / 3);
    expect(side.client.said).toBe(before);
    side.pass(PING_MS);
    expect(side.client.said.length).toBeGreaterThan(before.length);
    expect(seenBy(name, side, true).text).toBe('Hello');
    for (const event of EVENTS.slice(3)) side.answer.take([event]);
    side.answer.end();
    const whole = side.client.said;
    side.pass(10 * PING_MS);
    expect(side.client.said).toBe(whole);
  });

  test.each(['leave', 'fail'] as const)('has no signs of life after %s', (how) => {
    const side = answering(name);
    side.answer.begin(undefined);
    if (how === 'leave') side.answer.leave();
    else side.answer.fail(FAILED);
    const said = side.client.said;
    side.pass(10 * PING_MS);
    expect(side.client.said).toBe(said);
  });
});

describe('what is kept of an answer of Responses', () => {
  test.each([true, false])('is what the client got (stream: %s)', (isStream) => {
    const side = answering('responses', { isStream });
    side.answer.begin(undefined);
    side.answer.take(EVENTS);
    side.answer.end();
    expect(side.kept).toHaveLength(1);
    const last = isStream
      ? (JSON.parse(side.client.said.trim().split('\ndata: ').at(-1)!) as { response: object }).response
      : (JSON.parse(side.client.said) as object);
    expect(side.kept[0]).toEqual(last);
    expect(side.kept[0]).toMatchObject({ status: 'completed', model: 'named' });
  });
});

test("Gemini's stream without events is one JSON list, also when it fails", () => {
  for (const fails of [false, true]) {
    const side = answering('gemini', { isArray: true });
    side.answer.begin(undefined);
    side.answer.take(fails ? EVENTS.slice(0, 3) : EVENTS);
    if (fails) side.answer.fail(FAILED);
    else side.answer.end();
    const list = JSON.parse(side.client.said) as readonly { readonly error?: { readonly message: string } }[];
    expect(list.at(-1)?.error?.message).toBe(fails ? 'too much to do' : undefined);
  }
});
