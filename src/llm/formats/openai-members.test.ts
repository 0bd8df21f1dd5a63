import { expect, test } from 'vitest';
import { Dropped } from '../conversation/dropped.ts';
import type { JsonObject } from '../conversation/parts.ts';
import { FORMATS } from './formats.ts';

const SAID = { safety_identifier: 'u1', prompt_cache_retention: '24h' };
const FACTS = { model: undefined, isStream: undefined };

test.each([
  ['chat', 'responses', { messages: [{ role: 'user', content: 'x' }] }],
  ['responses', 'chat', { input: 'x' }],
] as const)('what both formats of OpenAI have goes from %s to %s, for its own models', (from, to, body) => {
  const sent = (model: string): { body: JsonObject; dropped: readonly string[] } => {
    const request = FORMATS[from].readRequest({ model, ...body, ...SAID, novel: 1 }, FACTS);
    const dropped = new Dropped();
    return { body: FORMATS[to].writeRequest(request, dropped), dropped: dropped.names };
  };
  expect(sent('gpt-5')).toMatchObject({ body: SAID, dropped: ['novel'] });
  const other = sent('llama');
  expect(other.dropped).toEqual(['safety_identifier', 'prompt_cache_retention', 'novel']);
  for (const name of Object.keys(SAID)) expect(other.body).not.toHaveProperty(name);
});
