import { expect, it } from 'vitest';
import { sameValue } from './same-value.ts';
import { Secret } from './secret.ts';

it('values are the same by what they hold, whatever the order of their keys', () => {
  expect(sameValue({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 })).toBe(true);
  expect(sameValue({ a: 1, b: undefined }, { a: 1 })).toBe(true);
  expect(sameValue(Number.NaN, Number.NaN)).toBe(true);
  for (const other of [{ a: 2 }, { a: '1' }, { a: 1, b: 0 }, {}, [1], null, undefined, 1])
    expect(sameValue({ a: 1 }, other), JSON.stringify(other)).toBe(false);
  expect(sameValue([1, 2], [2, 1])).toBe(false);
  expect(sameValue([1], { 0: 1 })).toBe(false);
  expect(sameValue({}, [])).toBe(false);
});

it('secrets are the same only when what they hide is', () => {
  expect(sameValue({ env: { A: new Secret('x') } }, { env: { A: new Secret('x') } })).toBe(true);
  expect(sameValue({ env: { A: new Secret('x') } }, { env: { A: new Secret('y') } })).toBe(false);
  expect(sameValue(new Secret('x'), 'x')).toBe(false);
  expect(sameValue(new Secret('x'), {})).toBe(false);
});
