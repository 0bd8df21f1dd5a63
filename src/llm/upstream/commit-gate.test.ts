import { expect, test } from 'vitest';
import { CommitGate } from './commit-gate.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

test('the beginning is kept back until there is content, and then comes in one piece', () => {
  const gate = new CommitGate();
  expect(gate.take(bytes('a'), 1, false)).toBeUndefined();
  expect(gate.take(bytes('b'), 1, false)).toBeUndefined();
  expect(gate.isOpen).toBe(false);
  expect(gate.take(bytes('c'), 1, true)?.toString()).toBe('abc');
  expect(gate.isOpen).toBe(true);
  expect(gate.take(bytes('d'), 1, false)?.toString()).toBe('d');
});

test('a beginning of very many events is let through', () => {
  const gate = new CommitGate();
  for (let at = 0; at < 64; at++) expect(gate.take(bytes('x'), 1, false)).toBeUndefined();
  expect(gate.take(bytes('x'), 1, false)).toHaveLength(65);
});

test('a beginning of very many bytes is let through', () => {
  const gate = new CommitGate();
  expect(gate.take(Buffer.alloc(256 * 1024), 1, false)).toBeUndefined();
  expect(gate.take(bytes('x'), 1, false)).toHaveLength(256 * 1024 + 1);
});

test('opened by hand, it gives what it held', () => {
  const gate = new CommitGate();
  gate.take(bytes('a'), 1, false);
  expect(gate.open().toString()).toBe('a');
  expect(gate.open()).toHaveLength(0);
});
