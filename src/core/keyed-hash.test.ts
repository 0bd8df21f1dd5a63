import { createHmac, createSecretKey } from 'node:crypto';
import { expect, it } from 'vitest';
import { keyedHash } from './keyed-hash.ts';

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => (at * 7) % 251));

it.each([1, 32, 64, 65, 200])('is the HMAC of RFC 2104 with a key of %i bytes', (length) => {
  const key = createSecretKey(bytes(length));
  const coded = keyedHash(key);
  const hmac = (...parts: readonly Buffer[]): string =>
    parts.reduce((code, part) => code.update(part), createHmac('sha256', key)).digest('hex');
  // Around the sizes from which on texts are treated otherwise, each after a longer one.
  for (const size of [100_000, 16_385, 16_384, 16_321, 16_320, 1_000, 64, 1, 0]) {
    const text = bytes(size);
    expect(coded(text)).toBe(hmac(text));
    const before = bytes(32);
    expect(coded(text, before.toString('hex'))).toBe(hmac(before, text));
  }
  expect(coded('schlüssel')).toBe(hmac(Buffer.from('schlüssel')));
});
