import { expect, test } from 'vitest';
import { DIALECTS } from '../../../test/support/llm/dialects.ts';
import { sseEvents } from '../../../test/support/llm/sse-events.ts';
import type { Seen } from '../conversation/observer.ts';
import { FORMATS } from './formats.ts';

/** After each of these parts of a stream. */
function seenOf(format: keyof typeof FORMATS, ...parts: readonly string[]): readonly Seen[] {
  const observer = FORMATS[format].observer();
  return parts.map((part) => {
    let seen: Seen | undefined;
    for (const { event, data } of sseEvents(part)) seen = observer.event(event, Buffer.from(data));
    return { ...seen!, usage: seen!.usage, bytesSinceUsage: seen!.bytesSinceUsage };
  });
}

test.each(DIALECTS)('$name: texts count until the provider has counted them', ({ name, stream }) => {
  const [first, second, last] = seenOf(name, stream.start, stream.content, stream.rest);
  expect(first?.bytesSinceUsage).toBe(0);
  // Gemini counts with every chunk; Chat Completions not at all in this one.
  expect(second?.bytesSinceUsage).toBe(name === 'gemini' ? 0 : 'Hello'.length);
  expect(last?.bytesSinceUsage).toBe(name === 'chat' ? 'Hello world'.length : 0);
});

test.each(DIALECTS)('$name: inputs of tools count', ({ name, stream }) => {
  const [seen] = seenOf(name, stream.start + stream.tool);
  if (name === 'gemini') expect(seen?.bytesSinceUsage).toBe(0);
  else expect(seen?.bytesSinceUsage).toBe('{\\"na'.length);
});

test('gemini: chunks that count nothing are counted', () => {
  const chunk = (part: object): string =>
    `data: ${JSON.stringify({ candidates: [{ content: { parts: [part] } }], usageMetadata: { promptTokenCount: 3 } })}\n\n`;
  const [text, call, piece] = seenOf(
    'gemini',
    chunk({ text: 'Hello' }),
    chunk({ functionCall: { name: 'look', args: { name: 'x' } } }),
    chunk({
      functionCall: { partialArgs: [{ jsonPath: '$.name', stringValue: 'Boston', willContinue: true }] },
    }),
  );
  expect(piece?.bytesSinceUsage).toBe(5 + '{"name":"x"}'.length + 'Boston'.length);
  expect(text?.bytesSinceUsage).toBe(5);
  expect(call?.bytesSinceUsage).toBe(5 + '{"name":"x"}'.length);
});

test.each(DIALECTS)(
  '$name: a whole answer without usage is counted, and one with it is not',
  ({ name, whole }) => {
    const observe = (body: object): Seen => FORMATS[name].observer().whole(Buffer.from(JSON.stringify(body)));
    expect(observe(whole).bytesSinceUsage).toBe(0);
    const { usage: _, usageMetadata: __, ...rest } = whole;
    const seen = observe(rest);
    expect(seen.usage).toBeUndefined();
    expect(seen.bytesSinceUsage).toBe('Hello world'.length);
  },
);
