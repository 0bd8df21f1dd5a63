import { describe, expect, test } from 'vitest';
import { entry, llmConfig } from '../../../test/support/llm/config.ts';
import { packSeal } from '../conversation/seal-code.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { encodeSeal } from '../formats/responses/seal-code.ts';
import { readCall } from '../llm-call.ts';
import { toDeployment } from '../providers/deployment.ts';
import { bringsForeignTokens, isAtProvider } from './foreign-tokens.ts';

const SEAL = { format: 'gemini', kind: 'signature', value: 'c2ln' } as const;
const OTHER = { ...SEAL, format: 'messages' } as const;

const brings = (format: FormatName, content: unknown): boolean =>
  bringsForeignTokens(
    readCall(
      { format, operation: 'generate', model: undefined, isStream: undefined, framing: 'sse' },
      Buffer.from(JSON.stringify({ model: 'm', content })),
      {},
    ),
  );

describe('tokens that a provider did not write', () => {
  test.each<readonly [FormatName, unknown]>([
    ['chat', { thinking_blocks: [{ signature: packSeal({ seal: SEAL, place: 'self' }) }] }],
    ['gemini', { thoughtSignature: packSeal({ seal: OTHER, place: 'self' }) }],
    ['messages', { type: 'redacted_thinking', data: packSeal({ seal: SEAL, place: 'next' }) }],
    ['messages', { type: 'thinking', thinking: 'x', signature: '' }],
    ['responses', { type: 'reasoning', encrypted_content: encodeSeal({ seal: SEAL }) }],
    ['responses', { type: 'reasoning', content: [{ type: 'reasoning_text', text: 'x' }] }],
  ])('of %s: %j', (format, content) => {
    expect(brings(format, content)).toBe(true);
  });

  test.each<readonly [FormatName, unknown]>([
    ['messages', { type: 'thinking', thinking: 'x', signature: 'EqQBCgIYAhIM' }],
    ['responses', { type: 'reasoning', encrypted_content: 'gAAAAABpSagv' }],
    ['gemini', { thoughtSignature: 'c2ln' }],
    ['chat', 'hello'],
  ])('are not those of %s itself: %j', (format, content) => {
    expect(brings(format, content)).toBe(false);
  });
});

test('a deployment is at its provider’s own address, or at somebody else’s', async () => {
  const { models } = await llmConfig([
    entry('a', { model: 'anthropic/claude-sonnet-4-5', api_key: 'k' }),
    entry('b', {
      model: 'anthropic/claude-sonnet-4-5',
      api_key: 'k',
      api_base: 'https://api.anthropic.com/v1',
    }),
    entry('c', { model: 'anthropic/claude-sonnet-4-5', api_key: 'k', api_base: 'http://gateway:4000' }),
    entry('d', { model: 'custom_openai/m', api_key: 'k', api_base: 'http://box:8000/v1' }),
  ]);
  expect(models.map((model) => isAtProvider(toDeployment(model)))).toEqual([true, true, false, false]);
});
