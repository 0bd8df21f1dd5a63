import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Usage } from '../store-ports.ts';
import type { CallEnd, CallStart, LedgerRecord } from '../call-records.ts';
import { isEnded, NAMES, type Names, namesOf, NOTHING, plus, usageOf } from './file-groups.ts';
import { recordsIn } from './ledger-lines.ts';

/** Sums that are kept; a ledger with more of them (every call of another user, say) is read each time. Some 300 bytes each. */
const SUMS_MAX = 200_000;
const HOUR_MS = 3_600_000;

/** What calls that began in an hour, or at a moment, used together. */
export interface Sum {
  readonly startedAt: number;
  readonly names: Names;
  readonly usage: Usage;
}

interface Hour {
  /** When the first and the last of its calls began. */
  first: number;
  last: number;
  readonly sums: Map<string, { readonly names: Names; usage: Usage }>;
}

interface CountedFile {
  readonly name: string;
  /** Bytes of it that are counted. */
  through: number;
  /** By number, of calls that began in this file, wherever they ended. */
  readonly hours: Map<number, Hour>;
  /** The last file with an end of them. */
  endsIn: string;
  /** How far each writer's records are in the files before it. */
  readonly seen: ReadonlyMap<string, number>;
  /** Whether it has records a second time. */
  repeats: boolean;
}

interface OpenCall {
  readonly file: CountedFile;
  readonly start: CallStart;
  /** Another end may take the place of one that is `unknown`. */
  unknown: CallEnd | undefined;
}

/** What was used, summed up file by file: each byte is read once. Files that were removed count no more. */
export class FileSums {
  readonly #folder: string;
  readonly #sumsMax: number;
  readonly #files: CountedFile[] = [];
  readonly #open = new Map<string, OpenCall>();
  /** How far each writer's records are counted: after a crash some come twice. */
  readonly #seen = new Map<string, number>();
  #count = 0;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(folder: string, sumsMax = SUMS_MAX) {
    this.#folder = folder;
    this.#sumsMax = sumsMax;
  }

  /** What was used by calls that began from `from` on and before `to`; `undefined`: there are too many sums to keep. */
  between(from: number, to: number): Promise<readonly Sum[] | undefined> {
    const answer = this.#reading.then(async () => {
      await this.#read();
      return this.#count > this.#sumsMax ? undefined : this.#between(from, to);
    });
    this.#reading = answer.catch(() => undefined);
    return answer;
  }

  async #between(from: number, to: number): Promise<readonly Sum[]> {
    const found: Sum[] = [];
    for (const file of this.#files) {
      let isCut = false;
      for (const [number, { first, last, sums }] of file.hours) {
        if (last < from || first >= to) continue;
        if (first < from || last >= to) isCut = true;
        else
          for (const { names, usage } of sums.values())
            found.push({ startedAt: number * HOUR_MS, names, usage });
      }
      if (isCut) found.push(...(await this.#callsOf(file, from, to)));
    }
    return found;
  }

  /** Of the hours that begin before `from`, or end after `to`, the calls themselves. */
  async #callsOf(file: CountedFile, from: number, to: number): Promise<readonly Sum[]> {
    const cut = (startedAt: number): boolean => {
      const { first, last } = file.hours.get(Math.floor(startedAt / HOUR_MS)) ?? { first: to, last: from };
      return startedAt >= from && startedAt < to && (first < from || last >= to);
    };
    const starts = new Map<string, CallStart>();
    const ends = new Map<string, CallEnd>();
    for (const { name } of this.#files.slice(this.#files.indexOf(file))) {
      for await (const { records } of recordsIn(join(this.#folder, name)))
        for (const record of records) {
          if (record.phase === 'ended') {
            if (starts.has(record.end.id) && (ends.get(record.end.id)?.status ?? 'unknown') === 'unknown')
              ends.set(record.end.id, record.end);
          } else if (
            name === file.name &&
            cut(record.start.startedAt) &&
            record.seq > (file.seen.get(record.writer) ?? 0)
          )
            starts.set(record.start.id, record.start);
        }
      if (name === file.endsIn) break;
    }
    return [...ends].flatMap(([id, end]) => {
      const row = { ...starts.get(id)!, ...end };
      return isEnded(row) ? [{ startedAt: row.startedAt, names: namesOf(row), usage: usageOf(row) }] : [];
    });
  }

  /** Counts what is new. */
  async #read(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('.jsonl')).sort();
    const gone = this.#files.filter(({ name }) => !names.includes(name)).length;
    const kept = this.#files.slice(gone);
    // The oldest files go first. When it is another one, ends may be gone of calls that are still there; and what stands twice now stands once.
    const isOther = kept.some(({ name, repeats }, at) => names[at] !== name || (gone > 0 && repeats));
    this.#forget(isOther ? this.#files.length : gone);
    for (const name of names) {
      const size = await sizeOf(join(this.#folder, name));
      let file = this.#files.find((one) => one.name === name);
      if (file !== undefined && size < file.through) {
        this.#forget(this.#files.length);
        return this.#read();
      }
      if (file === undefined) {
        file = {
          name,
          through: 0,
          hours: new Map(),
          endsIn: name,
          seen: new Map(this.#seen),
          repeats: false,
        };
        this.#files.push(file);
      }
      if (size > file.through && this.#count <= this.#sumsMax) await this.#readFile(file);
    }
  }

  async #readFile(file: CountedFile): Promise<void> {
    for await (const { records, through } of recordsIn(join(this.#folder, file.name), file.through)) {
      for (const record of records) this.#take(file, record);
      file.through = through;
    }
  }

  #take(file: CountedFile, record: LedgerRecord): void {
    const { writer, seq } = record;
    // Closed by another one: such an end has no place among a writer's records.
    if (seq > 0) {
      if (seq <= (this.#seen.get(writer) ?? 0)) {
        file.repeats = true;
        return;
      }
      this.#seen.set(writer, seq);
    }
    if (record.phase === 'received') {
      const { id } = record.start;
      if (!this.#open.has(id)) this.#open.set(id, { file, start: record.start, unknown: undefined });
      return;
    }
    const { end } = record;
    const call = this.#open.get(end.id);
    if (call === undefined) return;
    call.file.endsIn = file.name;
    if (call.unknown !== undefined) {
      if (end.status === 'unknown') return;
      this.#add(call, call.unknown, -1);
    }
    this.#add(call, end, 1);
    if (end.status === 'unknown') call.unknown = end;
    else this.#open.delete(end.id);
  }

  #add({ file, start }: OpenCall, end: CallEnd, sign: 1 | -1): void {
    const row = { ...start, ...end };
    if (!isEnded(row)) return;
    const { startedAt } = start;
    const number = Math.floor(startedAt / HOUR_MS);
    let hour = file.hours.get(number);
    if (hour === undefined)
      file.hours.set(number, (hour = { first: startedAt, last: startedAt, sums: new Map() }));
    hour.first = Math.min(hour.first, startedAt);
    hour.last = Math.max(hour.last, startedAt);
    const names = namesOf(row);
    const id = JSON.stringify(NAMES.map((name) => names[name]));
    const known = hour.sums.get(id);
    const usage = plus(known?.usage ?? NOTHING, usageOf(row), sign);
    if (known === undefined) this.#count++;
    if (usage.requests > 0) hour.sums.set(id, { names, usage });
    else {
      hour.sums.delete(id);
      this.#count--;
    }
  }

  /** The first so many files, and what is known of their calls. */
  #forget(files: number): void {
    if (files === 0) return;
    const gone = new Set(this.#files.splice(0, files));
    for (const { hours } of gone) for (const { sums } of hours.values()) this.#count -= sums.size;
    for (const [id, { file }] of this.#open) if (gone.has(file)) this.#open.delete(id);
    if (this.#files.length === 0) this.#seen.clear();
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
