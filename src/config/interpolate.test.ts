import { describe, expect, it } from 'vitest';
import { hasVariables, interpolate } from './interpolate.ts';

const variables: Record<string, string> = { A: 'one', EMPTY: '', DOLLAR: '${A}' };
const lookup = (name: string): string | undefined => variables[name];

describe('interpolation', () => {
  it.each([
    ['plain', 'plain'],
    ['${A}', 'one'],
    ['x-${A}-${A}-y', 'x-one-one-y'],
    ['os.environ/A', 'one'],
    ['x os.environ/A', 'x os.environ/A'],
    ['${NONE:-default}', 'default'],
    ['${EMPTY:-default}', 'default'],
    ['${EMPTY}', ''],
    ['${A:-default}', 'one'],
    ['${NONE:-}', ''],
    ['${NONE:-a:-b}', 'a:-b'],
    ['${NONE:-http://${A}/x}', 'http://one/x'],
    ['$${A}', '${A}'],
    ['$${A} ${A}', '${A} one'],
    ['$A $$ $', '$A $$ $'],
    ['${DOLLAR}', '${A}'],
  ])('%s becomes %s', (text, expected) => {
    expect(interpolate(text, lookup)).toMatchObject({ text: expected, problems: [] });
  });

  it('names the variables that it put in', () => {
    expect(interpolate('${A}${NONE:-${EMPTY:-x}}', lookup).variables).toEqual(['A', 'NONE', 'EMPTY']);
  });

  it.each([
    ['${NONE}', 'needs the environment variable NONE, which is not set'],
    ['os.environ/NONE', 'needs the environment variable NONE, which is not set'],
    ['os.environ/', 'does not name a variable after os.environ/'],
    ['os.environ/A B', 'does not name a variable after os.environ/'],
    ['${', 'has a ${ without its closing }'],
    ['${A', 'has a ${ without its closing }'],
    ['${}', 'has a ${…} that does not name a variable'],
    ['${X-AUTH}', 'has a ${…} that does not name a variable'],
    ['${A:default}', 'has a ${…} that does not name a variable'],
    [`${'${N:-'.repeat(20)}x${'}'.repeat(20)}`, 'has a ${ without its closing }'],
  ])('%s is refused', (text, what) => {
    expect(interpolate(text, lookup).problems[0]?.what).toBe(what);
  });

  it('reports every missing variable of one text', () => {
    expect(interpolate('${X}${Y}', lookup).problems.map(({ what }) => what)).toEqual([
      'needs the environment variable X, which is not set',
      'needs the environment variable Y, which is not set',
    ]);
  });

  it('knows texts that need none of it', () => {
    expect(['a', '$A', 'x os.environ/A'].map(hasVariables)).toEqual([false, false, false]);
    expect(['${A}', '$${A}', 'os.environ/A'].map(hasVariables)).toEqual([true, true, true]);
  });
});
