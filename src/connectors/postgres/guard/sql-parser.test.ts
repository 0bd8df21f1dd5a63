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

test('where no thread can be had, statements that wait for one are refused with that reason, and later ones are parsed', async () => {
  let [tries, fails] = [0, true];
  await using parser = new SqlParser(undefined, (...args) => {
    tries++;
    if (fails) throw new Error('Worker initialization failure: EAGAIN');
    return new Worker(...args);
  });
  const refusal = {
    ok: false,
    reason: 'nothing can parse it now (Worker initialization failure: EAGAIN); try again',
  };
  expect(await parser.parse('SELECT 1', 'read')).toEqual(refusal);
  fails = false;
  expect(await parser.parse('SELECT 2', 'read')).toMatchObject({ ok: true });
  expect(tries).toBe(2);
});

test('a thread that cannot be had in place of a broken one throws nowhere, and is asked for once', async () => {
  let tries = 0;
  await using parser = new SqlParser(1, (...args) => {
    if (++tries > 1) throw new Error('Worker initialization failure: EAGAIN');
    return new Worker(...args);
  });
  // The first breaks the thread that is there; another one is asked for within its answer.
  const [broken, ...waiting] = await Promise.all(
    [`SELECT 1${'+1'.repeat(30_000)}`, 'SELECT 1', 'SELECT 2', 'SELECT 3'].map((sql) =>
      parser.parse(sql, 'read'),
    ),
  );
  expect(broken).toMatchObject({ ok: false, reason: expect.stringMatching(/make it smaller/) as unknown });
  expect(waiting).toHaveLength(3);
  for (const one of waiting)
    expect(one).toMatchObject({ ok: false, reason: expect.stringMatching(/try again/) as unknown });
  expect(tries).toBe(2);
});
