import { beforeEach, describe, expect, test } from 'vitest';
import { LlmFailure } from '../conversation/llm-failure.ts';
import { FORMATS } from '../formats/formats.ts';
import type { AnswerSink } from '../llm-ports.ts';
import { newOutcome } from '../outcome.ts';
import { ObservingPipe } from './observing-pipe.ts';
import { StreamedAnswer } from './streamed-answer.ts';

const START =
  'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":3}}}\n\n';
const DELTA =
  'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"Hi"}}\n\n';
const STOP = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
const ERROR = 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n\n';
const HEAD = { status: 200, headers: { 'content-type': 'text/event-stream; charset=utf-8' } };
const CUT = new LlmFailure('cut', 'broken off', { status: 502, code: 'upstream_cut' });

let said: string;
let heard: string[];
let isSlow: boolean;
let drained: () => void;

beforeEach(() => {
  said = '';
  heard = [];
  isSlow = false;
  drained = () => undefined;
});

function answer(): StreamedAnswer {
  const outcome = newOutcome(0);
  const out: AnswerSink = {
    isGone: false,
    onGone: () => () => undefined,
    send: () => heard.push('send'),
    begin: () => void heard.push('begin'),
    write: (bytes) => {
      said += bytes.toString('utf8');
      return !isSlow;
    },
    onDrain: (listener) => (drained = listener),
    end: () => void heard.push('end'),
    cut: () => void heard.push('cut'),
  };
  const stream = new StreamedAnswer({
    pipe: new ObservingPipe(FORMATS.messages, outcome, false),
    out,
    headers: () => ({}),
    onCommit: () => heard.push('commit'),
    onDone: (failure) => heard.push(`done ${failure?.kind ?? 'well'}`),
    onFailed: (failure) => heard.push(`failed ${failure.kind}`),
    pingMs: 60_000,
    monotonicMs: () => 0,
  });
  stream.handle = {
    abort: () => heard.push('abort'),
    pause: () => heard.push('pause'),
    resume: () => heard.push('resume'),
    heard: () => heard.push('heard'),
  };
  stream.onHead(HEAD);
  return stream;
}

const feed = (stream: StreamedAnswer, ...texts: readonly string[]): void => {
  for (const text of texts) stream.onData(Buffer.from(text));
};

describe('a streamed answer', () => {
  test('goes on as it came, from its first content on', () => {
    const stream = answer();
    feed(stream, START);
    expect([said, heard]).toEqual(['', ['heard']]);
    feed(stream, DELTA.slice(0, 9), DELTA.slice(9), STOP);
    stream.onEnd();
    expect(said).toBe(START + DELTA + STOP);
    expect(heard).toEqual(['heard', 'begin', 'commit', 'end', 'done well']);
  });

  test.each([
    ['an error event', START + ERROR, 'overloaded'],
    [
      'a malformed event behind content in the same chunk',
      `${START}${DELTA}data: oops\n\n${STOP}`,
      'upstream',
    ],
  ])('that fails before anything went out can go elsewhere: %s', (_, text, kind) => {
    const stream = answer();
    feed(stream, text, STOP);
    stream.onEnd();
    expect(said).toBe('');
    expect(heard).toEqual(['heard', 'abort', `failed ${kind}`]);
  });

  test.each<[string, (stream: StreamedAnswer) => void, string]>([
    ['is cut', (stream) => stream.onFailure(CUT), 'cut'],
    ['ends without its sign', (stream) => stream.onEnd(), 'cut'],
    [
      'ends in half an event',
      (stream) => {
        feed(stream, DELTA.slice(0, -9));
        stream.onEnd();
      },
      'upstream',
    ],
    ['has a malformed event', (stream) => feed(stream, `data: {nonsense}\n\n${STOP}`), 'upstream'],
  ])('that %s after content ends with an error, and with nothing behind it', (_, fail, kind) => {
    const stream = answer();
    feed(stream, START, DELTA);
    fail(stream);
    feed(stream, STOP);
    stream.onEnd();
    expect(said.startsWith(START + DELTA)).toBe(true);
    expect(said.slice((START + DELTA).length)).toMatch(/^event: error\ndata: \{.*\}\n\n$/);
    expect(heard.filter((one) => one === 'end' || one.startsWith('done'))).toEqual(['end', `done ${kind}`]);
  });

  test("the provider's own error goes on as it wrote it, and no other follows", () => {
    const stream = answer();
    feed(stream, START + DELTA, ERROR);
    stream.onFailure(CUT);
    expect(said).toBe(START + DELTA + ERROR);
    expect(heard.at(-1)).toBe('done cut');
  });

  test('that is complete is not spoilt by what happens to the connection afterwards', () => {
    const stream = answer();
    feed(stream, START + DELTA + STOP);
    stream.onFailure(CUT);
    expect(said).toBe(START + DELTA + STOP);
    expect(heard.slice(-2)).toEqual(['end', 'done well']);
  });

  test('of a reader that is slow waits', () => {
    const stream = answer();
    isSlow = true;
    feed(stream, START + DELTA);
    expect(heard.at(-1)).toBe('pause');
    drained();
    expect(heard.at(-1)).toBe('resume');
  });

  test('that nobody wants any more is given up', () => {
    const stream = answer();
    feed(stream, START + DELTA);
    stream.leave();
    feed(stream, STOP);
    stream.onEnd();
    expect(said).toBe(START + DELTA);
    expect(heard.at(-1)).toBe('abort');
  });
});
