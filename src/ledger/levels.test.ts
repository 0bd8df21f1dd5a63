import { expect, test } from 'vitest';
import { type Levelled, levelsOf } from './levels.ts';

const call = (given: Partial<Levelled>): Levelled => ({
  kind: 'mcp',
  decision: 'allowed',
  server: 'github',
  toolName: 'github-list_issues',
  originalName: 'list_issues',
  model: undefined,
  keyId: 'k1',
  keyAlias: 'ci',
  ...given,
});

const levelOf = levelsOf(
  [
    { server: 'github', tool: 'list_*', key: 'ci', level: 'none' },
    { server: 'github', level: 'request' },
    { model: 'gpt-*-mini*', level: 'response' },
    { key: 'k9', level: 'response' },
    { tool: '*secret*', level: 'none' },
  ],
  'metadata',
);

test.each([
  [{}, 'none'],
  [{ keyAlias: 'other' }, 'request'],
  [{ originalName: 'get_issue', toolName: 'github-get_issue' }, 'request'],
  [{ server: 'db', toolName: 'x', originalName: 'x' }, 'metadata'],
  [{ server: 'db', toolName: 'read_secrets', originalName: undefined }, 'none'],
  [{ server: 'db', keyId: 'k9', toolName: 'a', originalName: 'a' }, 'response'],
  [
    { kind: 'llm', server: undefined, toolName: undefined, originalName: undefined, model: 'gpt-4-mini-x' },
    'response',
  ],
  [
    { kind: 'llm', server: undefined, toolName: undefined, originalName: undefined, model: 'gpt-4' },
    'metadata',
  ],
  [{ decision: 'denied' }, 'metadata'],
  [{ kind: 'admin' }, 'metadata'],
] as const)('of %j the level is %s', (given, level) => {
  expect(levelOf(call(given))).toBe(level);
});

test('a name with many stars is looked for in one pass', () => {
  const of = levelsOf([{ tool: `${'a*'.repeat(40)}b`, level: 'none' }], 'metadata');
  expect(of(call({ originalName: 'a'.repeat(200), toolName: undefined }))).toBe('metadata');
  expect(of(call({ originalName: `${'a'.repeat(200)}b`, toolName: undefined }))).toBe('none');
});
