import { describe, expect, it } from 'vitest';
import { firstByte, JSON_DEPTH_MAX, JsonSyntaxError, scanArray, scanObject } from './json-scan.ts';

const accepts = (text: string): boolean => {
  try {
    scanArray(Buffer.from(`[${text}]`));
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false;
    throw error;
  }
};

const parses = (text: string): boolean => {
  try {
    JSON.parse(`[${text}]`);
    return true;
  } catch {
    return false;
  }
};

describe('the byte scanner', () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"\\u00e9"',
    '"\\x"',
    '"',
    '1',
    '-',
    '0',
    '01',
    '1.',
    '1e5',
    '1E+',
    'true',
    'nul',
    'null',
    ' ',
    '\n',
    '\t',
    '\u0001',
    '"\n"',
    'é',
  ];

  it('accepts exactly what JSON.parse accepts, over 60,000 seeded random texts', () => {
    let seed = 12345;
    const random = (n: number): number => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed % n;
    };
    let accepted = 0;
    for (let round = 0; round < 60_000; round++) {
      let text = '';
      for (let i = random(9); i >= 0; i--) text += pieces[random(pieces.length)];
      expect(accepts(text), JSON.stringify(text)).toBe(parses(text));
      if (accepts(text)) accepted++;
    }
    expect(accepted).toBeGreaterThan(500);
  });

  it('finds members, their bytes and their children', () => {
    const object = scanObject(
      Buffer.from(' {"id": 12345678901234567890, "params":{"name":"a\\u0062","x":[1,{}]}, "e\\u0066":null} '),
      2,
    );
    expect(object.keys).toEqual(['id', 'params', 'ef']);
    expect(object.slice('id')?.toString()).toBe('12345678901234567890');
    expect(object.child('params')?.string('name')).toBe('ab');
    expect(object.child('params')?.slice('x')?.toString()).toBe('[1,{}]');
    expect(object.slice('missing')).toBeUndefined();
  });

  it('lets the last of equal keys count, as JSON.parse does', () => {
    const object = scanObject(Buffer.from('{"a":1,"a":2}'), 1);
    expect(object.value('a')).toBe(2);
    expect(object.isVoid(0)).toBe(true);
    expect(object.isVoid(1)).toBe(false);
  });

  it('refuses nesting beyond its bound instead of overflowing the stack', () => {
    const deep = (n: number): Buffer => Buffer.from('['.repeat(n) + ']'.repeat(n));
    expect(() => scanArray(deep(JSON_DEPTH_MAX))).not.toThrow();
    expect(() => scanArray(deep(JSON_DEPTH_MAX + 1))).toThrow(/nesting deeper/);
    expect(() => scanArray(deep(1_000_000))).toThrow(/nesting deeper/);
  });

  it('says where and why', () => {
    expect(() => scanObject(Buffer.from('{"a":1,}'), 1)).toThrow('expected a member name at byte 7');
    expect(() => scanObject(Buffer.from('{"a":'), 1)).toThrow('unexpected end at byte 5');
    expect(() => scanObject(Buffer.from('{} x'), 1)).toThrow('unexpected byte after the value at byte 3');
  });

  it('tells the first byte without reading further', () => {
    expect(firstByte(Buffer.from(' \n['))).toBe(0x5b);
    expect(firstByte(Buffer.from('  '))).toBeUndefined();
  });
});
