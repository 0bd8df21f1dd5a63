import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { answerFacts } from '../../../test/support/llm/answer-facts.ts';
import { readGeminiStream } from '../../../test/support/llm/gemini-client.ts';
import { readMessageStream } from '../../../test/support/llm/messages-client.ts';
import { goldenLines } from '../../../test/support/llm/sse-events.ts';
import { Dropped } from '../conversation/dropped.ts';
import type { Format } from '../conversation/format.ts';
import type { JsonObject } from '../conversation/parts.ts';
import { GEMINI } from './gemini/format.ts';
import { MESSAGES } from './messages/format.ts';

const golden = (name: string): readonly Buffer[] =>
  goldenLines(readFileSync(new URL(`../../../test/golden/${name}.txt`, import.meta.url), 'utf8'));

/** A provider's stream as a client of another format gets it. */
function translated(from: Format, to: Format, lines: readonly Buffer[]): Buffer {
  const reader = from.answerReader();
  const writer = to.answerWriter(answerFacts());
  const events = [...lines.flatMap((line) => reader.read(undefined, line)), ...reader.end()];
  return Buffer.concat(events.map((event) => writer.write(event)));
}

describe('two formats, there and back', () => {
  test('signatures of Gemini come back in their places when a client of Messages kept the answer', () => {
    const lines = golden('gemini/stream-thinking-tools');
    const message = readMessageStream(translated(GEMINI, MESSAGES, lines)) as JsonObject;
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      content: [
        { type: 'thinking', thinking: '**Weather**\n\nTwo cities are asked for.' },
        { type: 'text', text: 'Ich prüfe — 天気 ☀️.' },
        { type: 'redacted_thinking' },
        { type: 'tool_use', id: 'lpndqlku', name: 'weather', input: { city: 'Köln' } },
        { type: 'tool_use', id: 'm6rogicj', input: { city: 'Tokyo' } },
      ],
      usage: { input_tokens: 21, cache_read_input_tokens: 8, output_tokens: 73 },
    });
    const messages = [
      { role: 'user', content: 'Weather?' },
      { role: 'assistant', content: message['content'] ?? [] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'lpndqlku', content: 'rain' },
          { type: 'tool_result', tool_use_id: 'm6rogicj', content: 'sun' },
        ],
      },
    ];
    const request = MESSAGES.readRequest(
      { model: 'gemini-3-flash', max_tokens: 9, messages },
      { model: undefined, isStream: undefined },
    );
    const dropped = new Dropped();
    expect(GEMINI.writeRequest(request, dropped)['contents']).toEqual([
      { role: 'user', parts: [{ text: 'Weather?' }] },
      {
        role: 'model',
        parts: [
          { text: '**Weather**\n\nTwo cities are asked for.', thought: true },
          { text: 'Ich prüfe — 天気 ☀️.' },
          {
            functionCall: { id: 'lpndqlku', name: 'weather', args: { city: 'Köln' } },
            thoughtSignature: 'AY89a19YsnFp7FOSIejJDV9XuMU996D+ZaDJiD6L9EEi+Lh+VGTEGqM3Lip3DPI7QzY=',
          },
          { functionCall: { id: 'm6rogicj', name: 'weather', args: { city: 'Tokyo' } } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'lpndqlku', name: 'weather', response: { output: 'rain' } } },
          { functionResponse: { id: 'm6rogicj', name: 'weather', response: { output: 'sun' } } },
        ],
      },
    ]);
    expect(dropped.names).toEqual([]);
  });

  test('thoughts of Anthropic come back sealed, when a client of Gemini kept the answer', () => {
    const lines = golden('messages/stream-thinking-tools');
    const { parts, finishReason } = readGeminiStream(translated(MESSAGES, GEMINI, lines));
    expect(finishReason).toBe('STOP');
    const contents = [
      { role: 'user', parts: [{ text: 'Weather?' }] },
      ...parts.map((part) => ({ role: 'model', parts: [part] })),
      {
        role: 'user',
        parts: ['weather', 'now'].map((name, index) => ({
          functionResponse: { id: ['toolu_01X', 'toolu_01Y'][index], name, response: { output: name } },
        })),
      },
    ];
    const body = {
      contents,
      generationConfig: { thinkingConfig: { thinkingBudget: 2000 } },
    } as unknown as JsonObject;
    const request = GEMINI.readRequest(body, { model: 'claude-sonnet-4-5', isStream: true });
    const dropped = new Dropped();
    const written = MESSAGES.writeRequest(request, dropped);
    expect(dropped.names).toEqual([]);
    expect(written).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 2000 }, stream: true });
    expect(JSON.parse(JSON.stringify(written['messages']))).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Weather?' }] },
      {
        role: 'assistant',
        content: [
          {
            type: 'thinking',
            thinking: 'Two cities are asked for.',
            signature: 'EqQBCgIYAhIM1gbcDa9GJwZA2b3h',
          },
          { type: 'redacted_thinking', data: 'EmwKAhgBEgy3va3pzix' },
          { type: 'text', text: 'Ich prüfe — 天気 ☀️.' },
          {
            type: 'tool_use',
            id: 'toolu_01X',
            name: 'weather',
            input: { city: 'Paris', id: Number('12345678901234567890') },
          },
          { type: 'tool_use', id: 'toolu_01Y', name: 'now', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_01X', content: [{ type: 'text', text: 'weather' }] },
          { type: 'tool_result', tool_use_id: 'toolu_01Y', content: [{ type: 'text', text: 'now' }] },
        ],
      },
    ]);
  });
});
