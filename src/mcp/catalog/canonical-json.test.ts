import { expect, it } from 'vitest';
import { canonicalMembers, canonicalObject } from './canonical-json.ts';

const canonical = (text: string): string => canonicalObject(canonicalMembers(text));

it('is the same for the same members in any order, at every depth', () => {
  const one = ' {"b": [ {"y":1 , "x":2}, [ ] , {} ], "a" : "ü" }\n';
  const two = '{"a":"\\u00fc","b":[{"x":2,"y":1},[],{}]}';
  expect(canonical(one)).toBe(canonical(two));
  expect(canonical(one)).toBe('{"a":"ü","b":[{"x":2,"y":1},[],{}]}');
  expect(canonical('{}')).toBe('{}');
});

it.each([
  ['a digit that no double can hold', '{"m":12345678901234567890}', '{"m":12345678901234567891}'],
  ['the order of a list', '{"m":[1,2]}', '{"m":[2,1]}'],
  ['a member that repeats a name', '{"m":1,"m":2}', '{"m":2}'],
  ['a character that is not shown', '{"m":"a"}', '{"m":"a\\u200b"}'],
  ['a text that looks like another member', '{"m":"1,\\"n\\":2"}', '{"m":"1","n":2}'],
  ['a member called __proto__', '{"__proto__":{"a":1}}', '{"__proto__":{"a":2}}'],
])('differs by %s', (_what, one, two) => {
  expect(canonical(one)).not.toBe(canonical(two));
});

it('stays valid JSON of the same meaning', () => {
  const text =
    '{"z":[1e400,-0.5,true,false,null,"\\ud800","a\\\\\\"b\\u0000"],"a":{"":{"nested":[[["deep"]]]}}}';
  expect(JSON.parse(canonical(text))).toEqual(JSON.parse(text));
});
