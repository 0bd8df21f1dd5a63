import { expect, test } from 'vitest';
import type { AnswerEvent } from '../conversation/answer.ts';
import { NO_USAGE } from './spent.ts';
import { Tally } from './tally.ts';

const text = (said: string): AnswerEvent => ({ kind: 'text', at: 0, text: said });
const usage = (output: number): AnswerEvent => ({ kind: 'usage', usage: { ...NO_USAGE, input: 3, output } });

test('what was said since the last count is counted, tool inputs included', () => {
  const tally = new Tally();
  tally.take([usage(0)]);
  tally.take([text('Hello there, '), { kind: 'input', at: 1, text: '{"city":"Berlin"}' }]);
  expect(tally.untold).toBeGreaterThan(6);
  tally.take([usage(9)]);
  expect(tally.untold).toBe(0);
  tally.take([text('!')]);
  expect(tally.untold).toBeGreaterThan(0);
  expect(tally.usage).toMatchObject({ input: 3, output: 9 });
});

test('a count includes what came in the same event, before it or behind it', () => {
  for (const events of [
    [usage(4), text('Hello')],
    [text('Hello'), usage(4)],
  ]) {
    const tally = new Tally();
    tally.take(events);
    expect(tally.untold).toBe(0);
  }
});

test('a count of zero counts nothing', () => {
  const tally = new Tally();
  tally.take([text('Hello')]);
  tally.take([usage(0)]);
  expect(tally.untold).toBeGreaterThan(0);
});
