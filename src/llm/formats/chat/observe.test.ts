import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Seen } from '../../conversation/observer.ts';
import { ChatObserver } from './observe.ts';

const GOLDEN = new URL('../../../../test/golden/chat/', import.meta.url);

function linesOf(name: string): readonly string[] {
  return readFileSync(new URL(name, GOLDEN), 'utf8').trim().split('\n');
}

/** What was seen after each event. */
function seenOf(lines: readonly string[]): readonly Seen[] {
  const observer = new ChatObserver();
  return lines.map((line) => {
    // The same object every time: what it says now is copied.
    const { hasContent, isComplete, usage, stop, failure, isUsageAlone, bytesSinceUsage } = observer.event(
      undefined,
      Buffer.from(line),
    );
    return { hasContent, isComplete, usage, stop, failure, isUsageAlone, bytesSinceUsage };
  });
}

describe('an observer of Chat Completions', () => {
  it('sees when content begins, the stop, the usage alone, and the end', () => {
    const seen = seenOf(linesOf('stream-text.jsonl'));
    expect(seen.map(({ hasContent }) => hasContent)).toEqual([false, true, true, true, true, true]);
    expect(seen.map(({ isComplete }) => isComplete)).toEqual([false, false, false, true, true, true]);
    expect(seen.map(({ isUsageAlone }) => isUsageAlone)).toEqual([false, false, false, false, true, false]);
    expect(seen.at(-1)).toMatchObject({
      stop: { kind: 'end' },
      usage: { input: 2048, output: 9, cacheRead: 1920 },
      failure: undefined,
    });
  });

  it.each([
    ['stream-parallel-tools.jsonl', 'tool-calls'],
    ['stream-deepseek.jsonl', 'end'],
    ['stream-openrouter.jsonl', 'end'],
    ['stream-google.jsonl', 'tool-calls'],
    ['stream-litellm.jsonl', 'end'],
  ])('follows %s', (name, kind) => {
    expect(seenOf(linesOf(name)).at(-1)).toMatchObject({
      isComplete: true,
      stop: { kind },
      failure: undefined,
    });
  });

  it('is not misled by what the model says', () => {
    const said = JSON.stringify(
      '{"error":{"message":"x"},"finish_reason":"stop","usage":{"prompt_tokens":1}}',
    );
    const [seen] = seenOf([`{"choices":[{"index":0,"delta":{"content":${said}},"finish_reason":null}]}`]);
    expect(seen).toMatchObject({ hasContent: true, isComplete: false, usage: undefined, failure: undefined });
  });

  it('sees members with spaces after their names', () => {
    const seen = seenOf([
      '{"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": null}]}',
      '{"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}',
    ]);
    expect(seen[1]).toMatchObject({
      stop: { kind: 'length' },
      usage: { input: 3, output: 4 },
      isUsageAlone: false,
    });
  });

  it.each([
    ['at the start', []],
    ['in the midst', ['{"choices":[{"index":0,"delta":{"content":"x"}}]}']],
  ])('sees an error %s', (_, before) => {
    const seen = seenOf([...before, '{"error":{"message":"Overloaded","type":"overloaded_error"}}']);
    expect(seen.at(-1)).toMatchObject({ isComplete: false, failure: { kind: 'overloaded' } });
    expect(seen.at(-1)?.hasContent).toBe(before.length > 0);
  });

  it('takes [DONE] alone for no answer', () => {
    expect(seenOf(['[DONE]'])[0]).toMatchObject({ isComplete: false, hasContent: false });
  });

  it('does not take a stream that breaks off for a complete one', () => {
    const lines = linesOf('stream-parallel-tools.jsonl').slice(0, -2);
    expect(seenOf(lines).at(-1)).toMatchObject({ hasContent: true, isComplete: false });
  });

  it('finds usage and stop in a whole answer', () => {
    const body = Buffer.from(linesOf('answer-search.json').join('\n'));
    expect(new ChatObserver().whole(body)).toMatchObject({
      hasContent: true,
      isComplete: true,
      stop: { kind: 'end', raw: 'stop' },
      usage: { input: 19, output: 10 },
      failure: undefined,
    });
  });

  it('finds them behind members and words that only look like them', () => {
    const body =
      '{"choices":[{"index":0,"usage":null,"old_usage":{"prompt_tokens":9},"old_finish_reason":"length","message":{"content":"x"},"logprobs":{"content":[{"token":"usage"},{"token":"error"}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}';
    expect(new ChatObserver().whole(Buffer.from(body))).toMatchObject({
      stop: { kind: 'end' },
      usage: { input: 1, output: 2 },
      failure: undefined,
    });
  });

  it('reads no event that holds nothing of it', () => {
    const unreadable = '{"choices":[{"index":0,"delta":{"content":"y"},"finish_reason":null}],"usage":null';
    const seen = seenOf(['{"choices":[{"index":0,"delta":{"content":"x"}}]}', unreadable]);
    expect(seen[1]).toMatchObject({ hasContent: true, failure: undefined });
    expect(seenOf([unreadable])[0]).toMatchObject({ failure: { kind: 'upstream' } });
  });

  it.each([
    ['an error', '{"error":{"message":"no","code":429}}', 'rate-limit'],
    ['something else', '{"hello":1}', 'upstream'],
    ['half an answer', '{"choices":[{"message":{"content":"x"', 'upstream'],
    ['nothing', '', 'upstream'],
    ['a page', '<html><title>502</title></html>', 'upstream'],
  ])('takes %s for no answer', (_, body, kind) => {
    const seen = new ChatObserver().whole(Buffer.from(body));
    expect(seen).toMatchObject({ isComplete: false, failure: { kind } });
  });
});
