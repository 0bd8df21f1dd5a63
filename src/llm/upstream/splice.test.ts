import { expect, test } from 'vitest';
import { randomSource, type RandomSource } from '../../../test/support/random.ts';
import { scanObject } from '../../core/json-scan.ts';
import { splice } from './splice.ts';

// None begins with a backslash: JSON.parse of V8 14.6 takes a later escaped key for one that it has seen.
const KEYS = ['model', 'stream', 'a', 'größe', 'with "quotes"', '', 'C:\\', 'mock_response'];
const SPACES = ['', '', ' ', '\n  ', '\t', '\r\n'];
const VALUES = [
  '1',
  '-0.50',
  '12345678901234567890',
  'null',
  'true',
  '""',
  '"model"',
  '"a,}\\"{:"',
  '"\\u00e9\\n"',
  '[]',
  '[1, {"model": 2}]',
  '{ "model" : "x" }',
];

interface Member {
  readonly key: string;
  /** As JSON text, with the white space around it. */
  readonly before: string;
  readonly value: string;
  readonly after: string;
}

function randomMembers(random: RandomSource): Member[] {
  return Array.from({ length: random.below(6) }, () => {
    const key = random.pick(KEYS);
    const written = random.chance(0.2) ? escaped(key) : JSON.stringify(key);
    return {
      key,
      before: `${random.pick(SPACES)}${written}${random.pick(SPACES)}:${random.pick(SPACES)}`,
      value: random.pick(VALUES),
      after: random.pick(SPACES),
    };
  });
}

function escaped(text: string): string {
  return `"${Array.from(text, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
}

const textOf = (members: readonly Member[], space: string): string =>
  `{${members.map(({ before, value, after }) => before + value + after).join(',')}${members.length === 0 ? space : ''}}`;

const SEEDS = Array.from({ length: 2_000 }, (_, at) => at + 1);

test('the changed object is what a change of the parsed one would be, and other members keep their bytes', () => {
  for (const seed of SEEDS) {
    const random = randomSource(seed);
    const members = randomMembers(random);
    const text = `${random.pick(SPACES)}${textOf(members, ' ')}${random.pick(SPACES)}`;
    const changes = new Map<string, Buffer | undefined>();
    for (let at = random.below(4); at > 0; at--)
      changes.set(random.pick(KEYS), random.chance(0.5) ? Buffer.from(random.pick(VALUES)) : undefined);

    const spliced = splice(scanObject(Buffer.from(text), 1), changes).toString('utf8');

    const expected = new Map(Object.entries(JSON.parse(text) as object));
    for (const [key, value] of changes) {
      if (value === undefined) expected.delete(key);
      else expected.set(key, JSON.parse(value.toString('utf8')));
    }
    const shown = `seed ${seed}: ${text} -> ${spliced}`;
    expect(JSON.parse(spliced), shown).toEqual(Object.fromEntries(expected));
    const after = scanObject(Buffer.from(spliced), 1);
    const untouched = members.filter(({ key }) => !changes.has(key));
    const kept = after.keys.flatMap((key, at) =>
      changes.has(key) ? [] : [[key, after.sliceAt(at).toString('utf8')]],
    );
    expect(kept, shown).toEqual(untouched.map(({ key, value }) => [key, value]));
  }
});

test('where values are only replaced, every other byte is as it came', () => {
  for (const seed of SEEDS) {
    const random = randomSource(seed);
    const members = randomMembers(random).filter(
      ({ key }, at, all) => all.findIndex((other) => other.key === key) === at,
    );
    const key = random.pick(members.length === 0 ? ['nothing'] : members.map((member) => member.key));
    const changes = members.length === 0 ? new Map() : new Map([[key, Buffer.from('"new"')]]);
    const replaced = members.map((member) => (member.key === key ? { ...member, value: '"new"' } : member));
    expect(splice(scanObject(Buffer.from(textOf(members, '\n')), 1), changes).toString('utf8')).toBe(
      textOf(replaced, '\n'),
    );
  }
});

test.each([
  ['{"model":"a","x":1}', { model: undefined }, '{"x":1}'],
  ['{ "model":"a" , "x":1 }', { x: undefined }, '{ "model":"a"  }'],
  ['{"x":1, "model":"a", "y":2}', { model: undefined }, '{"x":1, "y":2}'],
  ['{"model":"a"}', { model: undefined }, '{}'],
  ['{}', { model: '"b"' }, '{"model":"b"}'],
  ['{"x":1}', { model: '"b"', y: 'null' }, '{"x":1,"model":"b","y":null}'],
  ['{"model":1,"x":2,"model":3}', { model: '"b"' }, '{"x":2,"model":"b"}'],
])('%s with %o is %s', (text, changes, expected) => {
  const map = new Map(
    Object.entries(changes).map(([key, value]) => [
      key,
      value === undefined ? undefined : Buffer.from(value),
    ]),
  );
  expect(splice(scanObject(Buffer.from(text), 1), map).toString('utf8')).toBe(expected);
});
