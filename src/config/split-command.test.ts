import { describe, expect, it } from 'vitest';
import { splitCommand } from './split-command.ts';

describe('splitting a command', () => {
  it.each([
    ['npx -y pg', ['npx', '-y', 'pg']],
    ['  npx\t-y  ', ['npx', '-y']],
    [`a "b c" 'd e'`, ['a', 'b c', 'd e']],
    [`a "" ''`, ['a', '', '']],
    [`a b"c d"e`, ['a', 'bc de']],
    [`a 'it "is" $HOME | x'`, ['a', 'it "is" $HOME | x']],
    [String.raw`a b\ c \| \\`, ['a', 'b c', '|', '\\']],
    [String.raw`a "b\"c\d\$x"`, ['a', String.raw`b"c\d$x`]],
    ['a ${URL} "${X:-a b}" --x=${Y}', ['a', '${URL}', '${X:-a b}', '--x=${Y}']],
    ['a ${X:-b c} $${Z}', ['a', '${X:-b c}', '$${Z}']],
    ['a B=1 x;y'.replace(';', ','), ['a', 'B=1', 'x,y']],
    ['a $ $1 100%', ['a', '$', '$1', '100%']],
  ])('%j', (text, words) => {
    expect(splitCommand(text)).toEqual({ words });
  });

  it.each([
    'a | b',
    'a & b',
    'a; b',
    'a > b',
    'a < b',
    'a (b)',
    'a `b`',
    'a "`b`"',
    'a $(b)',
    'a "$(b)"',
    'a $HOME',
    'a "$HOME"',
    'A=1 b',
    'a "b',
    "a 'b",
    'a \\',
    'a ${B',
    ' ',
  ])('%j is refused with a hint', (text) => {
    expect(splitCommand(text)).toEqual({ what: expect.any(String), hint: expect.any(String) });
  });
});
