import { describe, expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.ts';
import { type SseEvent, SseParser, SseTooLargeError } from './sse-parser.ts';

const TEXT =
  '\ufeff: comment\r\nevent: endpoint\r\ndata: /messages?x=1\r\n\r\nid: 7\ndata:grüße\ndata: 世界\n\n\rdata: last\r\rretry: 1500\n\ndata: unfinished';

function parse(chunks: readonly Buffer[]): {
  events: (Omit<SseEvent, 'data'> & { data: string })[];
  comments: string[];
  retries: number[];
} {
  const seen = {
    events: [] as (Omit<SseEvent, 'data'> & { data: string })[],
    comments: [] as string[],
    retries: [] as number[],
  };
  const parser = new SseParser({
    eventBytesMax: 1_000,
    onEvent: (event) => seen.events.push({ ...event, data: event.data.toString() }),
    onComment: (text) => seen.comments.push(text),
    onRetry: (ms) => seen.retries.push(ms),
  });
  for (const chunk of chunks) parser.push(chunk);
  return seen;
}

describe('the parser of event streams', () => {
  const whole = Buffer.from(TEXT);
  const expected = {
    events: [
      { event: 'endpoint', data: '/messages?x=1', id: undefined },
      { event: 'message', data: 'grüße\n世界', id: '7' },
      { event: 'message', data: 'last', id: '7' },
    ],
    comments: ['comment'],
    retries: [1_500],
  };

  it('reads all line ends, comments, several data lines, and leaves an unfinished event out', () => {
    expect(parse([whole])).toEqual(expected);
  });

  it('reads the same wherever the bytes are cut', () => {
    for (let at = 1; at < whole.length; at++)
      expect(parse([whole.subarray(0, at), whole.subarray(at)]), `cut at ${at}`).toEqual(expected);
    expect(parse([...whole].map((byte) => Buffer.from([byte])))).toEqual(expected);
  });

  it('keeps events within their bound, in one line and in many', () => {
    expect(() => parse([Buffer.from(`data: ${'x'.repeat(2_000)}`)])).toThrow(SseTooLargeError);
    expect(() => parse([Buffer.from(`data: ${'x'.repeat(90)}\n`.repeat(12))])).toThrow(SseTooLargeError);
    expect(parse([Buffer.from(`data: ${'x'.repeat(900)}\n\n`.repeat(50))]).events).toHaveLength(50);
  });
});

describe('the splitter of lines', () => {
  const split = (chunks: readonly string[], max = 100): { lines: string[]; overflows: number } => {
    const seen = { lines: [] as string[], overflows: 0 };
    const splitter = new LineSplitter(
      max,
      (line) => seen.lines.push(line.toString()),
      () => void seen.overflows++,
    );
    for (const chunk of chunks) splitter.push(Buffer.from(chunk));
    return seen;
  };

  it('gives lines however they are cut, without their ends', () => {
    expect(split(['a\nb', 'c\r\n\nd'])).toEqual({ lines: ['a', 'bc', ''], overflows: 0 });
    expect(split('one\ntwo\n'.split(''))).toEqual({ lines: ['one', 'two'], overflows: 0 });
  });

  it('says once that a line is too long, and gives nothing after it', () => {
    expect(split(['ok\n', 'x'.repeat(60), 'x'.repeat(60), '\nmore\n'])).toEqual({
      lines: ['ok'],
      overflows: 1,
    });
    expect(split([`${'x'.repeat(101)}\n`])).toEqual({ lines: [], overflows: 1 });
  });
});
