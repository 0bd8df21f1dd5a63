import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChainRun, ManifestRow } from '../store/archive-ports.ts';
import { type ChainKey, manifestMac } from './chain-key.ts';

/** What a manifest says about a writer's records of a day. */
export interface ManifestBody {
  readonly kind: ManifestRow['kind'];
  readonly day: string;
  readonly writer: string;
  readonly revision: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly count: number;
  readonly first: number;
  readonly last: number;
  /** Hash of the last record: it stands for all before it. */
  readonly root: string;
  /** First and last place and hash of the last, of each run without a gap. */
  readonly runs: readonly (readonly [number, number, string])[];
}

/** A signed statement that a day held these runs of a writer. */
export function sealOf(
  key: ChainKey,
  day: string,
  runs: readonly ChainRun[],
  revision: number,
  at: number,
): ManifestRow {
  const writer = runs[0]!.writer;
  const last = runs.at(-1)!;
  return signed(key, {
    kind: 'sealed',
    day,
    writer,
    revision,
    at,
    count: runs.reduce((sum, run) => sum + run.last - run.first + 1, 0),
    first: runs[0]!.first,
    last: last.last,
    root: last.hash,
    runs: runs.map((run) => [run.first, run.last, run.hash]),
  });
}

/** A signed statement that a day was removed because it was old. */
export function dropOf(key: ChainKey, day: string, at: number): ManifestRow {
  return signed(key, {
    kind: 'dropped',
    day,
    writer: '',
    revision: 1,
    at,
    count: 0,
    first: 0,
    last: 0,
    root: '',
    runs: [],
  });
}

/** A signed statement that a writer has ended, that its last record was this one, and that the days of all its records were removed. */
export function retiredOf(
  key: ChainKey,
  day: string,
  { writer, last, hash }: { readonly writer: string; readonly last: number; readonly hash: string },
  at: number,
): ManifestRow {
  return signed(key, {
    kind: 'retired',
    day,
    writer,
    revision: 1,
    at,
    count: last,
    first: 1,
    last,
    root: hash,
    runs: [[1, last, hash]],
  });
}

/** Of what was sealed of a day and a writer, the newest. */
export function newestSeals(bodies: readonly ManifestBody[]): readonly ManifestBody[] {
  const newest = new Map<string, ManifestBody>();
  for (const body of bodies) {
    const name = `${body.day} ${body.writer}`;
    if (body.kind === 'sealed' && body.revision > (newest.get(name)?.revision ?? 0)) newest.set(name, body);
  }
  return [...newest.values()];
}

function signed(key: ChainKey, body: ManifestBody): ManifestRow {
  const text = JSON.stringify(body);
  const { day, writer, kind, revision } = body;
  return { day, writer, kind, revision, body: text, keyId: key.id, mac: manifestMac(key, text) };
}

/**
 * The body of a manifest; `undefined` when it was not signed with its key, or says something else than its columns. Where that key is not at
 * hand (`undefined`), the signature is not checked.
 */
export function readManifest(row: ManifestRow, key: ChainKey | undefined): ManifestBody | undefined {
  if (key !== undefined && !manifestMac(key, row.body).equals(row.mac)) return undefined;
  const body = JSON.parse(row.body) as ManifestBody;
  const { day, writer, kind, revision } = body;
  return day === row.day && writer === row.writer && kind === row.kind && revision === row.revision
    ? body
    : undefined;
}

/** Name of a manifest among all. */
export const manifestName = ({ day, writer, kind, revision }: ManifestRow): string =>
  `${day} ${kind} ${writer} ${revision}`;

/** The manifests in a ledger's folder, one file a day: what is removed from the database is still there. */
export const manifestFiles = (folder: string) => {
  const inner = join(folder, 'manifests');
  return {
    /** Durable when it returns. */
    save: (rows: readonly ManifestRow[]): void => {
      mkdirSync(inner, { recursive: true, mode: 0o700 });
      for (const { mac, ...rest } of rows)
        appendFileSync(
          join(inner, `${rest.day}.jsonl`),
          `${JSON.stringify({ ...rest, mac: mac.toString('hex') })}\n`,
          {
            mode: 0o600,
            flush: true,
          },
        );
    },
    load: (): readonly ManifestRow[] => {
      if (!existsSync(inner)) return [];
      const rows = new Map<string, ManifestRow>();
      for (const name of readdirSync(inner)) {
        if (!name.endsWith('.jsonl')) continue;
        for (const line of readFileSync(join(inner, name), 'utf8').split('\n')) {
          const row = parse(line);
          if (row !== undefined) rows.set(manifestName(row), row);
        }
      }
      return [...rows.values()];
    },
  };
};

function parse(line: string): ManifestRow | undefined {
  try {
    const value = JSON.parse(line) as Omit<ManifestRow, 'mac'> & { readonly mac: string };
    return { ...value, mac: Buffer.from(value.mac, 'hex') };
  } catch {
    // Empty, or cut by a crash: the database has it, or it is made again.
    return undefined;
  }
}
