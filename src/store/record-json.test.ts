import { expect, it } from 'vitest';
import { callEnd, callStart } from '../../test/support/ledger-fakes.ts';
import type { LedgerRecord } from './call-records.ts';
import { JsonBuilder, jsonOf } from './record-json.ts';

const writer = 'größe-数\u{1f600}"\\';
const records: readonly LedgerRecord[] = [
  { phase: 'received', writer, seq: 1, start: callStart('a', { toolName: 'größe-数' }) },
  { phase: 'ended', writer, seq: 2, end: callEnd('a', { details: '}}' }) },
];

it.each(records)('makes the JSON of a record that has none: $phase', (record) => {
  const { phase, seq, ...rest } = record;
  const json = jsonOf({ ...record, hash: 'ab' });
  expect(json).toMatchObject({ writer, seq, hash: 'ab', id: 'a' });
  expect(JSON.parse(json.bytes.toString('utf8', json.from, json.to))).toEqual(
    JSON.parse(JSON.stringify({ phase, seq, ...rest })),
  );
  const fields = json.bytes.toString('utf8', json.fieldsFrom, json.fieldsTo);
  expect(JSON.parse(`{${fields}}`)).toEqual(
    JSON.parse(JSON.stringify(record.phase === 'received' ? record.start : record.end)),
  );
});

it('puts records and what stands between them together, whatever their characters', () => {
  const json = new JsonBuilder();
  const [start, end] = records.map(jsonOf) as [ReturnType<typeof jsonOf>, ReturnType<typeof jsonOf>];
  json.text('[{');
  json.fields(start);
  json.text(',"writer":');
  json.string(writer);
  json.text('},');
  json.record(end);
  json.text(']');
  const [first, second] = JSON.parse(json.build().toString());
  expect(first).toEqual(JSON.parse(JSON.stringify({ ...(records[0] as { start: object }).start, writer })));
  expect(second).toEqual(JSON.parse(JSON.stringify(records[1])));
});
