import { expect, it } from 'vitest';
import type { RecordJson } from '../call-records.ts';
import { OpenStarts } from './open-starts.ts';

const json = (id: number): RecordJson => ({
  writer: 'w',
  seq: id,
  id: String(id),
  at: id,
  bytes: Buffer.alloc(0),
  from: 0,
  to: 0,
  fieldsFrom: 0,
  fieldsTo: 0,
});

it('remembers calls until they end, and of very many the newest', () => {
  const open = new OpenStarts();
  open.note([json(1), json(2)], []);
  open.note([], [json(1)]);
  expect([open.get('1'), open.get('2')]).toEqual([undefined, 2]);
  open.note(
    Array.from({ length: 50_000 }, (_, at) => json(at + 10)),
    [],
  );
  expect([open.get('2'), open.get('10'), open.get('50009')]).toEqual([undefined, 10, 50_009]);
});
