import { expect, it } from 'vitest';
import { lineDiff } from './line-diff.ts';
import { printable } from './printable.ts';

const lines = (text: string): string[] => text.split('');

it.each([
  ['', '', []],
  ['abc', 'abc', []],
  ['', 'a', ['+ a']],
  ['a', '', ['- a']],
  ['abc', 'axc', ['  a', '- b', '+ x', '  c']],
  ['abcdefg', 'abcdefgh', ['  …', '  f', '  g', '+ h']],
  ['abcdefg', 'bcdefg', ['- a', '  b', '  c', '  …']],
  ['abcdefghijk', 'xbcdefghijy', ['- a', '+ x', '  b', '  c', '  …', '  i', '  j', '- k', '+ y']],
])('%s becomes %s by %j', (before, after, expected) => {
  expect(lineDiff(lines(before), lines(after))).toEqual(expected);
});

it('shows all of what is too long to be compared', () => {
  const long = Array.from({ length: 3_000 }, (_, at) => `line ${at}`);
  const diff = lineDiff(long, [...long, 'more']);
  expect(diff).toHaveLength(6_001);
});

it('what a terminal would act upon, or not show, is written out', () => {
  expect(printable('a\u001b[2Jb\u200b\u202e\u{e0041}\r\nü 世界 🙂')).toBe(
    String.raw`a\u{1b}[2Jb\u{200b}\u{202e}\u{e0041}\u{d}\u{a}ü 世界 🙂`,
  );
});
