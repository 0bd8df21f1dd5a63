import { describe, expect, it } from 'vitest';
import { goldenEvents, readEvents } from '../../../../test/support/responses-wire.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import { RESPONSES } from './format.ts';

describe('the observer of a stream that goes on unchanged', () => {
  it.each(['stream-mcp.jsonl', 'stream-agent.jsonl', 'stream-incomplete.jsonl'])(
    'sees of %s what its reader does',
    (name) => {
      const golden = goldenEvents(name);
      const read = buildAnswer(readEvents(golden));
      for (const hasNames of [true, false]) {
        const observer = RESPONSES.observer();
        const seen = golden.map((event) => {
          const data = Buffer.from(JSON.stringify(event));
          const { hasContent, isComplete } = observer.event(hasNames ? event['type'] : undefined, data);
          return `${hasContent} ${isComplete}`;
        });
        expect(seen.slice(0, 2)).toEqual(['false false', 'false false']);
        expect(new Set(seen.slice(2, -1))).toEqual(new Set(['true false']));
        expect(seen.at(-1)).toBe('true true');
        const { usage, stop, failure } = observer.event('', Buffer.from('{}'));
        expect({ usage, stop, failure }).toEqual({ usage: read.usage, stop: read.stop, failure: undefined });
      }
      const whole = RESPONSES.observer().whole(Buffer.from(JSON.stringify(golden.at(-1)!['response'])));
      expect(whole).toMatchObject({ isComplete: true, usage: read.usage, stop: read.stop });
    },
  );

  it('sees failures, and takes no text for an event', () => {
    const observer = RESPONSES.observer();
    const text = { delta: '"type":"response.completed"', type: 'response.output_text.delta' };
    expect(observer.event(undefined, Buffer.from(JSON.stringify(text)))).toMatchObject({
      isComplete: false,
      hasContent: true,
    });
    const error = { type: 'error', error: { code: 'insufficient_quota', message: 'No money.' } };
    const seen = observer.event(undefined, Buffer.from(JSON.stringify(error)));
    expect(seen.failure?.kind).toBe('quota');
    expect(seen.isComplete).toBe(false);
    expect(RESPONSES.observer().whole(Buffer.from('<html>')).isComplete).toBe(false);
  });

  it('has an event for a failure of the gateway’s own', () => {
    const bytes = RESPONSES.failEvent(new LlmFailure('cut', 'it broke off', { status: 502 })).toString();
    expect(bytes).toMatch(/^event: error\ndata: \{"type":"error"/);
    expect(bytes).toContain('event: response.failed\ndata: {"type":"response.failed"');
    expect(bytes).toContain('"error":{"code":"server_error","message":"it broke off"}');
  });
});
