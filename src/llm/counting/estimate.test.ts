import { expect, test } from 'vitest';
import type { Part } from '../conversation/parts.ts';
import type { ModelRequest } from '../conversation/request.ts';
import { estimateRequest, estimateText } from './estimate.ts';

function tokens(parts: readonly Part[], more: Partial<ModelRequest> = {}): number {
  const turns = [{ role: 'user' as const, parts }];
  return estimateRequest({
    model: 'm',
    isStream: false,
    system: [],
    turns,
    tools: [],
    sampling: {},
    ...more,
  });
}

/** Texts with what o200k, the tokenizer of OpenAI's models, makes of them. */
const KNOWN: readonly (readonly [string, number])[] = [
  ['The quick brown fox jumps over the lazy dog.', 10],
  ['export function add(a: number, b: number): number { return a + b; }', 19],
  ['{"name":"get_weather","arguments":{"city":"Berlin","days":3}}', 16],
  ['Größere Übungen können schöne Ergebnisse bringen.', 10],
  ['我们明天去公园散步，好吗？', 11],
];

test.each(KNOWN)(
  'text is estimated to within a third below and a factor of two above (%s)',
  (text, known) => {
    expect(estimateText(text)).toBeGreaterThan(known * 0.66);
    expect(estimateText(text)).toBeLessThan(known * 2);
  },
);

test('images and documents count by what providers say of them', () => {
  const base = tokens([]);
  const image = { kind: 'url', url: 'https://x/y.png' } as const;
  expect(tokens([{ kind: 'image', source: image }]) - base).toBe(1_500);
  expect(tokens([{ kind: 'image', source: image, detail: 'low' }]) - base).toBe(85);
  const pdf = { kind: 'base64', mediaType: 'application/pdf', data: 'A'.repeat(160_000) } as const;
  expect(tokens([{ kind: 'document', source: pdf }]) - base).toBe(6_000);
  const audio = { kind: 'base64', mediaType: 'audio/mp3', data: 'A'.repeat(213_336) } as const;
  expect(tokens([{ kind: 'audio', source: audio }]) - base).toBeCloseTo(320, -1);
});

test('tools, calls and results count', () => {
  const base = tokens([]);
  const schema = { type: 'object', properties: { city: { type: 'string' } } };
  const tools = [{ kind: 'function' as const, name: 'get_weather', description: 'The weather.', schema }];
  expect(tokens([], { tools })).toBeGreaterThan(base + 20);
  const call: Part = { kind: 'tool-call', id: '1', name: 'get_weather', input: '{"city":"Berlin"}' };
  const result: Part = { kind: 'tool-result', callId: '1', content: [{ kind: 'text', text: 'Sunny.' }] };
  expect(tokens([call])).toBeGreaterThan(base + 8);
  expect(tokens([call, result])).toBeGreaterThan(tokens([call]) + 4);
});
