import { describe, expect, it } from 'vitest';
import { cleanText, parseRecord, TEXT_CHARACTERS_MAX } from './spool-record.ts';

describe('text from strangers', () => {
  it.each([
    ['control characters', 'a\u0000b\nc\u001b[31md\u007fe\u009f', 'abc[31mde'],
    ['line separators', 'a\u2028b\u2029c', 'abc'],
    ['marks that reorder text', 'a\u202eb\u2066c\u200f', 'abc'],
    ['ordinary text of any script', 'größe-Ωμέγα-数据-🛠', 'größe-Ωμέγα-数据-🛠'],
  ])('is cleaned of %s', (_what, text, expected) => {
    expect(cleanText(text)).toBe(expected);
  });

  it('is bounded, and stays well-formed where it is cut', () => {
    expect(cleanText('x'.repeat(10_000))).toHaveLength(TEXT_CHARACTERS_MAX);
    expect(cleanText(`${'x'.repeat(TEXT_CHARACTERS_MAX - 1)}🛠`)).toBe(
      `${'x'.repeat(TEXT_CHARACTERS_MAX - 1)}\ufffd`,
    );
    expect(cleanText('a\ud800b')).toBe('a\ufffdb');
  });
});

describe('a line of the spool', () => {
  it('is a record when it is one whole', () => {
    for (const record of [
      { phase: 'received', writer: 'w', seq: 1, start: { id: 'a' } },
      { phase: 'ended', writer: 'w', seq: 2, end: { id: 'a' } },
    ])
      expect(parseRecord(JSON.stringify(record))).toEqual(record);
  });

  it.each([
    '',
    '{',
    'null',
    '7',
    '\u0000\u0000',
    '{"phase":"received","writer":"w","seq":1}',
    '{"phase":"received","writer":"w","seq":1,"start":null}',
    '{"phase":"received","writer":"w","seq":1,"end":{"id":"a"}}',
    '{"phase":"ended","writer":"w","seq":1,"end":{}}',
    '{"phase":"ended","writer":"w","seq":"1","end":{"id":"a"}}',
    '{"phase":"other","writer":"w","seq":1,"end":{"id":"a"}}',
    '{"phase":"ended","seq":1,"end":{"id":"a"}}',
  ])('is none otherwise: %s', (line) => {
    expect(parseRecord(line)).toBeUndefined();
  });
});
