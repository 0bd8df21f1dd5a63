import type { ChainedRecord, LedgerSnapshot, ManifestRow, WriterRow } from '../store/archive-ports.ts';
import type { Anchor } from './anchors.ts';
import { ChainCheck } from './chain-check.ts';
import { type ChainKey, closingHash } from './chain-key.ts';
import { type ManifestBody, manifestName, newestSeals, readManifest } from './manifest.ts';
import { RecordWriter } from './record-writer.ts';
import type { Finding, Verification } from './verify-ports.ts';

/** What the ledger is checked against: all of it lies outside the database. */
export interface VerifyOptions {
  readonly keys: readonly ChainKey[];
  readonly anchors: readonly Anchor[];
  readonly manifests: readonly ManifestRow[];
}

const FINDINGS_MAX = 1_000;

/** Checks every record that the store has. Holds one batch of records, and a little for each writer and each finding. */
export async function verifyLedger(snapshot: LedgerSnapshot, options: VerifyOptions): Promise<Verification> {
  const check = new LedgerCheck(options, await snapshot.writers());
  const days = await snapshot.days();
  check.readManifests(await snapshot.manifests());
  for (const day of days) {
    for await (const batch of snapshot.records(day)) for (const record of batch) check.add(record, day);
    check.endDay(day);
  }
  return check.end();
}

class LedgerCheck {
  readonly #keys: ReadonlyMap<string, ChainKey>;
  readonly #anchors: ReadonlyMap<string, Anchor>;
  readonly #files: readonly ManifestRow[];
  readonly #writers: ReadonlyMap<string, WriterRow>;
  readonly #checks = new Map<string, ChainCheck>();
  readonly #encoders = new Map<string, RecordWriter>();
  /** Of days that are there, by day: what each writer's records must be. */
  readonly #sealed = new Map<string, ManifestBody[]>();
  readonly #dropped = new Set<string>();
  /** Writers of which nothing is left, and how far they had come. */
  readonly #retired = new Map<string, number>();
  /** Of manifests; what those say is believed, and told to be unproven. */
  readonly #unknownKeys = new Set<string>();
  readonly #findings: Finding[] = [];
  #findingsCount = 0;
  readonly #days = new Set<string>();
  #records = 0;
  #calls = 0;
  #unchained = 0;
  /** Rows without a hash, until it is known whether there was a chain when they were written. */
  readonly #hashless: { readonly at: number; readonly finding: Finding }[] = [];
  #firstChainedAt = Number.POSITIVE_INFINITY;

  constructor({ keys, anchors, manifests }: VerifyOptions, writers: readonly WriterRow[]) {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#anchors = new Map(anchors.map((anchor) => [anchor.writer, anchor]));
    this.#files = manifests;
    this.#writers = new Map(writers.map((row) => [row.writer, row]));
    for (const { writer } of [...writers, ...anchors]) this.#checkOf(writer);
  }

  readManifests(rows: readonly ManifestRow[]): void {
    const stored = new Map(rows.map((row) => [manifestName(row), row]));
    for (const file of this.#files) {
      const row = stored.get(manifestName(file));
      if (row === undefined) this.#manifest(file, 'the database does not have it any more; its file is used');
      else if (row.body !== file.body || !row.mac.equals(file.mac))
        this.#manifest(file, 'it was changed in the database; its file is used');
      stored.set(manifestName(file), file);
    }
    const bodies: ManifestBody[] = [];
    for (const row of stored.values()) {
      const key = this.#keys.get(row.keyId);
      if (key === undefined) this.#unknownKeys.add(row.keyId);
      const body = readManifest(row, key);
      if (body !== undefined) bodies.push(body);
      else this.#manifest(row, 'it was not signed with its key');
    }
    for (const { kind, day } of bodies) if (kind === 'dropped') this.#dropped.add(day);
    for (const { kind, writer, last } of bodies)
      if (kind === 'retired') {
        this.#retired.set(writer, Math.max(last, this.#retired.get(writer) ?? 0));
        this.#checkOf(writer);
      }
    for (const body of newestSeals(bodies)) {
      const { day, writer, runs } = body;
      if (this.#dropped.has(day))
        this.#checkOf(writer).addDropped(
          day,
          runs.map(([first, last, hash]) => ({ first, last, hash })),
        );
      else this.#sealed.set(day, [...(this.#sealed.get(day) ?? []), body]);
    }
  }

  add(record: ChainedRecord, day: string): void {
    if (record.phase === 'received') this.#calls++;
    this.#days.add(day);
    const { writer, seq, hash } = record;
    if (hash === undefined || writer === undefined) this.#addUnchained(record, day);
    else if (seq === undefined) this.#addClosing(record, writer, hash, day);
    else {
      this.#records++;
      if (record.phase === 'received' && record.start.startedAt < this.#firstChainedAt)
        this.#firstChainedAt = record.start.startedAt;
      const { line, id } = this.#lineOf(record, writer, seq);
      if (record.phase === 'ended' && !record.whole)
        this.#tell({ kind: 'changed', writer, seq, id, day, detail: 'it is not what was recorded' });
      this.#checkOf(writer).add({ seq, hash, line, id, day });
    }
  }

  endDay(day: string): void {
    const found = new Map([...this.#checks].map(([writer, check]) => [writer, check.endDay()]));
    for (const { writer, runs } of this.#sealed.get(day) ?? [])
      this.#compare(day, writer, runs, found.get(writer) ?? []);
    this.#sealed.delete(day);
  }

  end(): Verification {
    this.#judgeHashless();
    // Days that should be there, and of which nothing is.
    for (const [day, bodies] of this.#sealed)
      for (const { writer, runs } of bodies) this.#compare(day, writer, runs, []);
    const withoutKey = [...this.#unknownKeys].map((keyId) => `manifests with key ${keyId}`);
    const withoutAnchor: string[] = [];
    for (const [writer, check] of this.#checks) {
      const row = this.#writers.get(writer);
      const anchor = this.#anchors.get(writer);
      const retired = this.#retired.get(writer) ?? 0;
      const findings = check.end(Math.max(row?.seq ?? 0, anchor?.seq ?? 0, retired));
      for (const finding of findings) if (!this.#isKnown(finding)) this.#tell(finding);
      if (!findings.some(({ kind, seq = 0 }) => kind === 'inserted' && seq > (row?.seq ?? 0)))
        this.#checkTip(writer, check, row, retired);
      if (this.#keysOf(writer).length === 0) withoutKey.push(writer);
      // One that has written nothing has nothing that could be cut off.
      if (anchor === undefined && (row === undefined || row.seq > 0) && !isGone(check, retired))
        withoutAnchor.push(writer);
    }
    return {
      records: this.#records,
      calls: this.#calls,
      writers: this.#checks.size,
      days: this.#days.size,
      daysDropped: this.#dropped.size,
      findings: this.#findings,
      findingsCount: this.#findingsCount,
      unchained: this.#unchained,
      withoutKey,
      withoutAnchor,
    };
  }

  #checkTip(writer: string, check: ChainCheck, row: WriterRow | undefined, retired: number): void {
    const { tip } = check;
    if (tip === undefined || (row !== undefined && row.seq > tip.seq)) return;
    // It may have begun to live again since, without writing anything.
    if ((row === undefined || row.seq === 0) && isGone(check, retired)) return;
    if (row === undefined || row.seq < tip.seq || row.hash === undefined || !row.hash.equals(tip.hash))
      this.#tell({
        kind: 'tip',
        writer,
        seq: row?.seq,
        id: undefined,
        day: undefined,
        detail:
          row === undefined
            ? 'the table ledger_writers does not know this writer'
            : `the table ledger_writers does not say that its last record is number ${tip.seq}`,
      });
  }

  /** Rows without a hash: from before the first chain, or put there by somebody else. */
  #addUnchained(record: ChainedRecord, day: string): void {
    const { writer, seq } = record;
    const id = idOf(record);
    const [at, finding]: [number, Finding] =
      record.phase === 'received'
        ? [
            record.start.startedAt,
            {
              kind: 'inserted',
              writer,
              seq,
              id,
              day,
              detail: 'the ledger has not written it: it has no hash',
            },
          ]
        : [record.end.endedAt, { kind: 'changed', writer, seq, id, day, detail: 'its end has no hash' }];
    if (this.#hashless.length < FINDINGS_MAX) this.#hashless.push({ at, finding });
    else if (at < this.#firstChainedAt) this.#unchained++;
    else this.#tell(finding);
  }

  #judgeHashless(): void {
    for (const { at, finding } of this.#hashless)
      if (at < this.#firstChainedAt) this.#unchained++;
      else this.#tell(finding);
  }

  #addClosing(record: ChainedRecord, writer: string, hash: Buffer, day: string): void {
    const { line, id } = this.#lineOf(record, writer, 0);
    const keys = this.#keysOf(writer);
    const isRight =
      record.phase === 'ended' &&
      record.whole &&
      keys.some((key) => closingHash(key, line.toString('utf8')).equals(hash));
    if (keys.length > 0 && !isRight)
      this.#tell({
        kind: 'changed',
        writer,
        seq: undefined,
        id,
        day,
        detail: 'its end is not the one by which it was closed',
      });
  }

  #compare(
    day: string,
    writer: string,
    sealed: ManifestBody['runs'],
    found: readonly { readonly first: number; readonly last: number }[],
  ): void {
    for (const [first, last] of sealed) {
      let next = first;
      for (const run of found) {
        if (run.last < next || run.first > last) continue;
        if (run.first > next) this.#gone(day, writer, next, run.first - 1);
        next = Math.max(next, run.last + 1);
      }
      if (next <= last) this.#gone(day, writer, next, last);
    }
  }

  #gone(day: string, writer: string, seq: number, through: number): void {
    this.#tell({
      kind: 'missing',
      writer,
      seq,
      through,
      id: undefined,
      day,
      detail: 'the manifest of the day has them',
    });
  }

  /** Whether it says no more than another finding. */
  #isKnown({ kind, writer, seq = 0, through = 0 }: Finding): boolean {
    if (kind !== 'missing') return false;
    let left = seq;
    const same = this.#findings.filter((one) => one.kind === 'missing' && one.writer === writer);
    for (const one of same.sort((a, b) => a.seq! - b.seq!))
      if (one.seq! <= left && one.through! >= left) left = one.through! + 1;
    return left > through;
  }

  #manifest({ day, writer, kind }: ManifestRow, detail: string): void {
    const what = `the manifest (${kind}) of this day: ${detail}`;
    this.#tell({
      kind: 'manifest',
      writer: writer === '' ? undefined : writer,
      seq: undefined,
      id: undefined,
      day,
      detail: what,
    });
  }

  #tell(finding: Finding): void {
    this.#findingsCount++;
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(finding);
  }

  #checkOf(writer: string): ChainCheck {
    let check = this.#checks.get(writer);
    if (check === undefined) this.#checks.set(writer, (check = new ChainCheck(writer, this.#keysOf(writer))));
    return check;
  }

  /** The key that the writer used, then the others: a key may have been exchanged before all of its spool was stored. */
  #keysOf(writer: string): readonly ChainKey[] {
    const keyId = this.#writers.get(writer)?.keyId;
    const own = keyId === undefined ? undefined : this.#keys.get(keyId);
    if (own === undefined)
      return keyId === undefined || this.#anchors.has(writer) ? [...this.#keys.values()] : [];
    return [own, ...[...this.#keys.values()].filter((key) => key !== own)];
  }

  #lineOf(
    record: ChainedRecord,
    writer: string,
    seq: number,
  ): { readonly line: Buffer; readonly id: string } {
    let encoder = this.#encoders.get(writer);
    if (encoder === undefined) {
      this.#encoders.clear();
      this.#encoders.set(writer, (encoder = new RecordWriter(writer)));
    }
    const { line, id } =
      record.phase === 'received' ? encoder.start(seq, record.start) : encoder.end(seq, record.end);
    return { line: Buffer.from(line), id };
  }
}

/** Whether there is no record of a writer beyond the one that was the last when it was retired. */
function isGone({ tip }: ChainCheck, retired: number): boolean {
  return retired > 0 && (tip?.seq ?? 0) <= retired;
}

function idOf(record: ChainedRecord): string {
  return record.phase === 'received' ? record.start.id : record.end.id;
}
