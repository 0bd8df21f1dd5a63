import { expect, it } from 'vitest';
import { nearest } from './nearest.ts';

it.each([
  ['transprot', ['url', 'transport', 'command'], 'transport'],
  ['Transport', ['url', 'transport'], 'transport'],
  ['dbb', ['db', 'web'], 'db'],
  ['smtp', ['http', 'sse'], undefined],
  ['x', ['a', 'b'], undefined],
  ['', ['a'], undefined],
  ['databse_ulr', ['database_url', 'database_urls'], 'database_url'],
])('%s among %j is %s', (word, candidates, expected) => {
  expect(nearest(word, candidates)).toBe(expected);
});

it('goes no further than it is told', () => {
  expect(nearest('abcdefxyz', ['abcdefghi'])).toBe('abcdefghi');
  expect(nearest('abcdefxyz', ['abcdefghi'], 1)).toBeUndefined();
});
