import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { SqlParser } from './sql-parser.ts';

test('a statement that breaks the parser is refused; those that wait behind it, and later ones, are parsed', async () => {
  await using parser = new SqlParser(1);
  // Deeper than a small stack holds; the module stays unusable after it, so this fails without a new worker.
  const breaking = `SELECT 1${'+1'.repeat(30_000)}`;
  const answers = await Promise.all([
    parser.parse('SELECT 1', 'read'),
    parser.parse(breaking, 'read'),
    parser.parse('SELECT a FROM b', 'read'),
    parser.parse(breaking, 'read'),
    parser.parse('DELETE FROM b', 'write'),
  ]);
  expect(answers.map((answer) => answer.ok)).toEqual([true, false, true, false, true]);
  expect(answers[1]).toMatchObject({
    reason: expect.stringMatching(/could not be parsed .*make it smaller/),
  });
  expect((await parser.parse('SELECT c FROM d', 'read')).ok).toBe(true);
});

test('the stack that the connector uses holds the largest statement that it takes', async () => {
  await using parser = new SqlParser();
  const largest = `SELECT 1${'+1'.repeat(32_000)}`;
  expect(await parser.parse(largest, 'read')).toMatchObject({ ok: true, facts: { kind: 'select' } });
});

test('a syntax error is told with its position, from 0', async () => {
  await using parser = new SqlParser();
  expect(await parser.parse('SELECT 1 FROM WHERE', 'read')).toEqual({
    ok: false,
    reason: 'syntax error at or near "WHERE"',
    position: 14,
  });
});

test('closing refuses what waits, and what comes later', async () => {
  const parser = new SqlParser();
  const waiting = parser.parse('SELECT 1', 'read');
  await parser[Symbol.asyncDispose]();
  expect(await waiting).toEqual({ ok: false, reason: 'the connector was closed' });
  expect((await parser.parse('SELECT 1', 'read')).ok).toBe(false);
});

test('where no thread can be had, statements are refused with that reason, and later ones are parsed', async () => {
  let failures = 2;
  await using parser = new SqlParser(undefined, (...args) => {
    if (failures-- > 0) throw new Error('Worker initialization failure: EAGAIN');
    return new Worker(...args);
  });
  const answers = await Promise.all([1, 2, 3].map((one) => parser.parse(`SELECT ${one}`, 'read')));
  const refusal = {
    ok: false,
    reason: 'nothing can parse it now (Worker initialization failure: EAGAIN); try again',
  };
  expect(answers.slice(0, 2)).toEqual([refusal, refusal]);
  expect(answers[2]).toMatchObject({ ok: true });
});

test('a thread that cannot be had while others wait throws nowhere', async () => {
  let fails = false;
  await using parser = new SqlParser(1, (...args) => {
    if (fails) throw new Error('Worker initialization failure: EAGAIN');
    fails = true;
    return new Worker(...args);
  });
  // The first breaks the worker that is there; a new one is asked for within its answer.
  const [broken, next] = await Promise.all([
    parser.parse(`SELECT 1${'+1'.repeat(30_000)}`, 'read'),
    parser.parse('SELECT 1', 'read'),
  ]);
  expect(broken).toMatchObject({ ok: false, reason: expect.stringMatching(/make it smaller/) as unknown });
  expect(next).toMatchObject({ ok: false, reason: expect.stringMatching(/try again/) as unknown });
});
