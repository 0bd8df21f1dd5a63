import { type ChainKey, genesis, linkHash } from './chain-key.ts';
import type { Finding } from './verify-ports.ts';

/** A record as it would have been written, in its place. */
export interface PlacedRecord {
  readonly seq: number;
  readonly hash: Buffer;
  readonly line: Buffer;
  readonly id: string;
  readonly day: string;
}

/** Records of a writer, each linked to the one before it. Of the first one it may not be known yet what it is linked to. */
interface Run {
  readonly first: number;
  last: number;
  lastHash: Buffer;
  /** `undefined`: vouched for by the signed manifest of a day that is gone. */
  readonly head: PlacedRecord | undefined;
  day: string;
}

/** A record whose hash does not follow from what stands before it. */
interface Suspect {
  readonly record: PlacedRecord;
  readonly before: Buffer;
  finding: Finding;
}

const TAKEN = 'another record has its place in the chain';
/** So many suspects are tried in each other's places. */
const REORDER_MAX = 24;

/**
 * Checks the chain of one writer, day after day; the records of a day in the order of their places. Calls that went over midnight leave
 * gaps in one day that the other fills: runs are kept until all is read. Holds a few hundred bytes a run.
 */
export class ChainCheck {
  readonly #writer: string;
  readonly #keys: readonly ChainKey[];
  #runs: Run[] = [];
  #dayRuns: Run[] = [];
  #current: Run | undefined;
  readonly #suspects: Suspect[] = [];
  /** After a suspect: what the next record may be linked to besides the suspect's hash. */
  #doubt: { readonly suspect: Suspect; readonly computed: Buffer; readonly before: Buffer } | undefined;
  #beforeLast: Buffer | undefined;

  /** `keys`: the writer's own first. Without one only the numbering is checked. */
  constructor(writer: string, keys: readonly ChainKey[]) {
    this.#writer = writer;
    this.#keys = keys;
  }

  /** Vouched for by the manifest of a day whose rows were removed in order. */
  addDropped(
    day: string,
    runs: readonly { readonly first: number; readonly last: number; readonly hash: string }[],
  ): void {
    for (const { first, last, hash } of runs)
      this.#runs.push({ first, last, lastHash: Buffer.from(hash, 'hex'), head: undefined, day });
  }

  add(record: PlacedRecord): void {
    const current = this.#current;
    if (current === undefined) this.#begin(record);
    else if (record.seq === current.last) this.#addTwin(current, record);
    else if (
      this.#keys.length === 0 ? record.seq === current.last + 1 : this.#follows(current.lastHash, record)
    )
      this.#extend(current, record);
    else if (record.seq > current.last + 1 && this.#doubt === undefined) this.#begin(record);
    else this.#addDoubtful(current, record);
  }

  /** The day's records are all there. Returns what there is of it, for its manifest. */
  endDay(): readonly { readonly first: number; readonly last: number; readonly hash: string }[] {
    const runs = this.#dayRuns.map(({ first, last, lastHash }) => ({
      first,
      last,
      hash: lastHash.toString('hex'),
    }));
    this.#runs.push(...this.#dayRuns);
    this.#dayRuns = [];
    this.#current = undefined;
    this.#doubt = undefined;
    this.#stitch(undefined, []);
    return runs;
  }

  /** What is wrong, when everything was read. `through`: how far the chain has come, as far as anybody noted. */
  end(through: number): readonly Finding[] {
    const found: Finding[] = [];
    this.#stitch(through, found);
    const [first] = this.#runs;
    const last = this.#runs.at(-1);
    if (first !== undefined) this.#checkHead(first, through, found);
    const reached = last?.last ?? 0;
    if (reached < through)
      found.push(this.#missing(reached + 1, through, last?.day, 'the end of the chain is cut off'));
    this.#tellReordered();
    for (const { finding, record } of this.#suspects)
      found.push(
        record.seq > through && finding.kind === 'changed' ? { ...finding, kind: 'inserted' } : finding,
      );
    return found;
  }

  /** Hash of the last record, and its place. */
  get tip(): { readonly seq: number; readonly hash: Buffer } | undefined {
    const last = this.#runs.at(-1);
    return last && { seq: last.last, hash: last.lastHash };
  }

  /** Two records claim one place: the one that follows what is before it is the true one. */
  #addTwin(current: Run, record: PlacedRecord): void {
    const doubt = this.#doubt;
    if (doubt !== undefined && this.#follows(doubt.before, record)) {
      doubt.suspect.finding = { ...doubt.suspect.finding, kind: 'inserted', detail: TAKEN };
      current.lastHash = record.hash;
      this.#doubt = undefined;
    } else this.#suspect(record, this.#beforeLast ?? current.lastHash, 'inserted', TAKEN);
  }

  #begin(record: PlacedRecord): void {
    const { seq, hash, day } = record;
    this.#current = { first: seq, last: seq, lastHash: hash, head: record, day };
    this.#dayRuns.push(this.#current);
    this.#beforeLast = undefined;
    this.#doubt = undefined;
  }

  #extend(run: Run, { seq, hash, day }: PlacedRecord): void {
    this.#beforeLast = run.lastHash;
    run.last = seq;
    run.lastHash = hash;
    run.day = day;
    this.#doubt = undefined;
  }

  /** A record right after one that is not right: it tells what was wrong with that one. */
  #addDoubtful(current: Run, record: PlacedRecord): void {
    const doubt = this.#doubt;
    const { lastHash } = current;
    if (doubt !== undefined) {
      const { suspect, computed, before } = doubt;
      if (this.#follows(computed, record)) {
        suspect.finding = { ...suspect.finding, detail: 'its hash was changed' };
        this.#extend(current, record);
        return;
      }
      if (this.#follows(before, record)) {
        suspect.finding = { ...suspect.finding, kind: 'inserted', detail: 'the chain goes on without it' };
        this.#extend(current, record);
        return;
      }
      if (record.seq > current.last + 1) {
        this.#begin(record);
        return;
      }
    }
    const suspect = this.#suspect(record, lastHash, 'changed', 'it is not what was recorded');
    this.#extend(current, record);
    this.#doubt = { suspect, computed: linkHash(this.#keys[0]!, lastHash, record.line), before: lastHash };
  }

  #suspect(record: PlacedRecord, before: Buffer, kind: Finding['kind'], detail: string): Suspect {
    const { seq, id, day } = record;
    const suspect: Suspect = {
      record,
      before,
      finding: { kind, writer: this.#writer, seq, id, day, detail },
    };
    this.#suspects.push(suspect);
    return suspect;
  }

  #follows(before: Buffer, { line, hash }: PlacedRecord): boolean {
    return this.#keys.some((key) => linkHash(key, before, line).equals(hash));
  }

  /** Puts runs together that follow each other. At the end, what lies between two that do not is missing. */
  #stitch(through: number | undefined, found: Finding[]): void {
    this.#runs.sort((a, b) => a.first - b.first);
    const whole: Run[] = [];
    for (const run of this.#runs) {
      const before = whole.at(-1);
      if (
        before === undefined ||
        !(this.#joins(before, run) || (through !== undefined && this.#report(before, run, through, found)))
      )
        whole.push(run);
      else {
        before.last = Math.max(before.last, run.last);
        before.lastHash = run.lastHash;
        before.day = run.day;
      }
    }
    this.#runs = whole;
  }

  #joins(before: Run, { first, head }: Run): boolean {
    if (head === undefined || this.#keys.length === 0) return first === before.last + 1;
    return this.#follows(before.lastHash, head);
  }

  #report(before: Run, run: Run, through: number, found: Finding[]): true {
    const { first, head } = run;
    if (head !== undefined && (first <= before.last + 1 || first > through)) {
      const kind = first === before.last + 1 ? 'changed' : 'inserted';
      this.#suspect(head, before.lastHash, kind, 'it does not follow what is before it');
    } else if (first > before.last + 1)
      found.push(this.#missing(before.last + 1, first - 1, before.day, 'they are gone'));
    return true;
  }

  #checkHead({ first, head, day }: Run, through: number, found: Finding[]): void {
    if (head === undefined ? first === 1 : this.#keys.some((key) => this.#followsGenesis(key, head))) return;
    if (head !== undefined && this.#keys.length > 0 && (first === 1 || first > through))
      this.#suspect(head, genesis(this.#keys[0]!, this.#writer), 'changed', 'it is not what was recorded');
    else if (first > 1)
      found.push(this.#missing(1, first - 1, head?.day ?? day, 'the beginning of the chain is cut off'));
  }

  #followsGenesis(key: ChainKey, { line, hash }: PlacedRecord): boolean {
    return linkHash(key, genesis(key, this.#writer), line).equals(hash);
  }

  #missing(seq: number, through: number, day: string | undefined, detail: string): Finding {
    const kind = this.#keys.length === 0 ? 'gap' : 'missing';
    return { kind, writer: this.#writer, seq, through, id: undefined, day, detail };
  }

  /** Whether records that are not right would be so in each other's places. */
  #tellReordered(): void {
    const few = this.#suspects.slice(0, REORDER_MAX);
    const befores = [...few.map(({ before }) => before), ...few.map(({ record }) => record.hash)];
    const hashes = new Set(few.map(({ record }) => record.hash.toString('hex')));
    for (const suspect of few) {
      for (const { record: other } of few) {
        if (other === suspect.record) continue;
        const line = Buffer.from(
          suspect.record.line.toString('utf8').replace(`"seq":${suspect.record.seq},`, `"seq":${other.seq},`),
        );
        const isThere = this.#keys.some((key) =>
          befores.some((before) => hashes.has(linkHash(key, before, line).toString('hex'))),
        );
        if (isThere)
          suspect.finding = {
            ...suspect.finding,
            kind: 'reordered',
            detail: `it was recorded as number ${other.seq}`,
          };
      }
    }
  }
}
