import { describe, expect, it } from 'vitest';
import { callEnd, callStart } from '../../test/support/ledger-fakes.ts';
import { RecordWriter } from './record-writer.ts';
import { SegmentReader } from './segment-reader.ts';
import {
  RecordReader,
  readRecord,
  type SpooledRecord,
  unspooledRecord,
  WrittenGroup,
} from './spooled-record.ts';

const writer = new RecordWriter('w.1');

describe('a record as it is written', () => {
  it.each([
    ['plain', 'a-1', {}],
    ['with an id that JSON escapes', 'a"\\\n', {}],
    ['with an id that is not ASCII', 'größe-数', { toolName: 'größe-数' }],
    [
      'with everything',
      'b',
      { keyAlias: 'k"', user: 'u', team: 't', model: 'm', traceId: 'f'.repeat(32), rule: undefined },
    ],
  ] as const)('says what was given: %s', (_name, id, rest) => {
    const start = callStart(id, rest);
    const end = callEnd(id, { errorCode: 'e"', totalMs: 1.23456, upstreamMs: 0.5, cost: 1e-9 });
    const [received, ended] = [writer.start(1, start), writer.end(2, end)].map(unspooledRecord);
    expect(received!.toJSON()).toEqual(
      JSON.parse(JSON.stringify({ phase: 'received', writer: 'w.1', seq: 1, start })),
    );
    expect(ended!.end).toEqual(JSON.parse(JSON.stringify({ ...end, totalMs: 1.235 })));
    expect(received).toMatchObject({ id, at: start.startedAt, seq: 1, writer: 'w.1' });
    expect(ended).toMatchObject({ id, at: end.endedAt, seq: 2 });
    for (const [record, name] of [
      [received!, 'start'],
      [ended!, 'end'],
    ] as const) {
      const fields = record.bytes.toString('utf8', record.fieldsFrom, record.fieldsTo);
      expect(JSON.parse(`{${fields}}`), name).toEqual(JSON.parse(record.line)[name]);
    }
  });

  it('never takes one call for another that differs in a single field', () => {
    const one = callStart('a');
    for (const [field, value] of Object.entries(one)) {
      if (typeof value !== 'string' && value !== undefined) continue;
      const other = { ...one, [field]: 'other' };
      writer.start(1, one);
      expect(JSON.parse(writer.start(2, other).line).start[field], field).toBe('other');
      expect(JSON.parse(writer.start(3, one).line).start, field).toEqual(JSON.parse(JSON.stringify(one)));
    }
  });

  it('has no number that JSON does not have', () => {
    const end = callEnd('a', { totalMs: Number.NaN, upstreamMs: Number.POSITIVE_INFINITY });
    expect(JSON.parse(writer.end(1, end).line).end).toMatchObject({ totalMs: null, upstreamMs: null });
  });
});

describe('a line that another program has written', () => {
  const start = callStart('a"1', { toolName: 'größe' });
  const line = `{"phase":"received","writer":"w.1","seq":7,"start":${JSON.stringify(start)}}`;
  const { id, ...rest } = start;
  it.each([
    ['with a return at its end', `${line}\r`],
    ['with spaces', JSON.stringify(JSON.parse(line), undefined, 1).replaceAll('\n', ' ')],
    ['with more behind', `${line.slice(0, -1)},"more":{"id":"b"}}`],
    ['with more before', `{"more":{"id":"b"},${line.slice(1)}`],
    [
      'with its fields in another order',
      JSON.stringify({ start: { ...rest, id }, seq: 7, writer: 'w.1', phase: 'received' }),
    ],
  ])('is the same record: %s', (_name, text) => {
    const bytes = Buffer.from(`x${text}y`);
    const record = readRecord(bytes, 1, bytes.length - 1)!;
    expect(record).toMatchObject({
      phase: 'received',
      writer: 'w.1',
      seq: 7,
      id: start.id,
      at: start.startedAt,
    });
    const fields = record.bytes.toString('utf8', record.fieldsFrom, record.fieldsTo);
    expect(JSON.parse(`{${fields}}`)).toEqual(JSON.parse(JSON.stringify(start)));
    expect(record.start).toEqual(JSON.parse(JSON.stringify(start)));
  });
});

describe('a segment', () => {
  const drafts = ['a', 'ö', 'c'].flatMap((id, at) => [
    writer.start(at * 2 + 1, callStart(id)),
    writer.end(at * 2 + 2, callEnd(id)),
  ]);
  const text = drafts.map((draft) => `${draft.line}\n`).join('');

  async function read(
    bytes: Buffer,
    own: string | undefined,
    bufferBytes: number,
  ): Promise<[string[], string[], SegmentReader]> {
    const records = own === undefined ? undefined : new RecordReader(own);
    const reader = new SegmentReader(
      {
        bytes: bytes.length,
        read: (position, into) => Promise.resolve(bytes.copy(into, 0, position)),
      },
      records === undefined ? readRecord : (...place) => records.read(...place),
      Buffer.alloc(bufferBytes),
    );
    const lines: string[] = [];
    const ids: string[] = [];
    for await (const batch of reader.batches(2, () => true)) {
      expect(batch.length).toBeLessThanOrEqual(2);
      lines.push(...batch.map((record) => record.line));
      ids.push(...batch.map((record) => `${record.seq} ${record.id}`));
    }
    return [lines, ids, reader];
  }

  it.each([
    ['by its own process', 'w.1'],
    ['by another', 'w.2'],
    ['by the next start', undefined],
  ])('is read in pieces of any size, with room that was never used behind it, %s', async (_name, own) => {
    const bytes = Buffer.from(`${text}${'\n'.repeat(1_000)}`);
    for (const size of [500, 501, 777, 1_000, 100_000]) {
      const [lines, ids, reader] = await read(bytes, own, size);
      expect(lines).toEqual(drafts.map((draft) => draft.line));
      expect(ids).toEqual(['1 a', '2 a', '3 ö', '4 ö', '5 c', '6 c']);
      expect(reader).toMatchObject({ badLines: 0, lastIsBad: false });
    }
  });

  it.each(['w.1', undefined])(
    'tells a last line that was cut, one that is damaged, and one without end',
    async (own) => {
      const cut = await read(Buffer.from(`${text.slice(0, -20)}\n\n\n`), own, 600);
      expect(cut[0]).toHaveLength(5);
      expect(cut[2]).toMatchObject({ badLines: 1, lastIsBad: true });
      const damaged = await read(Buffer.from(text.replace('"phase":"ended"', '"phase":"')), own, 600);
      expect(damaged[0]).toHaveLength(5);
      expect(damaged[2]).toMatchObject({ badLines: 1, lastIsBad: false });
      const endless = await read(Buffer.from(`${'x'.repeat(10_000)}\n${text}`), own, 600);
      expect(endless[0]).toHaveLength(6);
      expect(endless[2].badLines).toBeGreaterThan(1);
    },
  );

  it('that ends before its end is told, and gives what there was', async () => {
    const reader = new SegmentReader(
      {
        bytes: text.length + 10,
        read: (position, into) => Promise.resolve(Buffer.from(text).copy(into, 0, position)),
      },
      readRecord,
      Buffer.alloc(100_000),
    );
    let rows = 0;
    for await (const batch of reader.batches(100, () => true)) rows += batch.length;
    expect(rows).toBe(6);
    expect(String(reader.failure)).toContain('shorter');
  });

  it('goes into memory as far as there is room', () => {
    const some: SpooledRecord[] = [];
    new WrittenGroup(drafts, Buffer.from(text), false).queue(some, 4);
    expect(some.map((record) => record.line)).toEqual(drafts.slice(0, 4).map((draft) => draft.line));
    const ascii = drafts.slice(0, 2);
    const queue: SpooledRecord[] = [];
    new WrittenGroup(ascii, Buffer.from(ascii.map(({ line }) => `${line}\n`).join('')), true).queue(queue, 9);
    expect(queue.map((record) => record.line)).toEqual(ascii.map((draft) => draft.line));
  });
});
