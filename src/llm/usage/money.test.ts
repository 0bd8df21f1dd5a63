import { expect, test } from 'vitest';
import { dollars, dollarsText, picoOf } from './money.ts';

test('decimal text is exact, however it is written', () => {
  expect(picoOf('1')).toBe(1_000_000_000_000n);
  expect(picoOf('0.000001')).toBe(1_000_000n);
  expect(picoOf('1.25e-6')).toBe(1_250_000n);
  expect(picoOf(String(3.75e-8))).toBe(37_500n);
  expect(picoOf('0.0375', -6)).toBe(37_500n);
  expect(picoOf('2', -6)).toBe(2_000_000n);
  expect(picoOf('.5')).toBe(500_000_000_000n);
  expect(picoOf('1e2')).toBe(100_000_000_000_000n);
});

test('finer parts than 10^-12 dollars are rounded', () => {
  expect(picoOf('0.0000000000014')).toBe(1n);
  expect(picoOf('0.0000000000015')).toBe(2n);
});

test('what is no number is none', () => {
  for (const text of ['', '  ', '.', 'free', '-1', '1,5', '0x10', 'NaN'])
    expect(picoOf(text)).toBeUndefined();
});

test('dollars are written in full, without an exponent', () => {
  expect(dollarsText(0n)).toBe('0');
  expect(dollarsText(37_500n)).toBe('0.0000000375');
  expect(dollarsText(12_000_000_000_001n)).toBe('12.000000000001');
});

test('the number is the one that the text says', () => {
  expect(dollars(130_500_000n)).toBe(0.0001305);
  // Three times a tenth, which a sum of doubles misses.
  expect(dollars(picoOf('0.1')! + picoOf('0.2')!)).toBe(0.3);
});
