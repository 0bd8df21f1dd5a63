import type { LedgerArchive, ManifestRow, WriterRow } from '../store/archive-ports.ts';
import { readAnchors, removeAnchor } from './anchors.ts';
import type { ChainKey } from './chain-key.ts';
import { type ManifestBody, newestSeals, readManifest, retiredOf } from './manifest.ts';

/** What it takes to let writers go. */
export interface RetireOptions {
  readonly archive: Pick<LedgerArchive, 'endedWriters' | 'manifests' | 'forgetWriter'>;
  /** The ledger's folder, which has the anchors. */
  readonly folder: string;
  readonly key: ChainKey;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** Keeps signed statements about a day in the database and in the folder. */
  readonly save: (day: string, rows: readonly ManifestRow[]) => Promise<void>;
}

const PAGE_ROWS = 1_000;

/**
 * Lets go of writers that have ended and of which nothing is left: every record, from the first to the last, is in the signed manifest of
 * a day that was removed in order. A signed statement of how far they had come takes the place of their rows, so that a check knows the
 * difference to a row that somebody has deleted; then their anchors in this folder go. What is signed with another key proves nothing
 * here, and such writers stay. Returns how many rows are gone.
 */
export async function retireWriters(options: RetireOptions): Promise<number> {
  const { archive, folder } = options;
  let retired = 0;
  let after = '';
  for (;;) {
    const page = await archive.endedWriters({ after, limit: PAGE_ROWS });
    retired += await retire(page, options);
    if (page.length < PAGE_ROWS) break;
    after = page.at(-1)!.writer;
  }
  const anchors = await readAnchors(folder);
  const bodies = await provenBodies(
    anchors.map(({ writer }) => writer),
    options,
  );
  for (const { writer, seq } of anchors)
    if (bodies.some((body) => body.kind === 'retired' && body.writer === writer && body.last >= seq))
      await removeAnchor(folder, writer);
  return retired;
}

async function retire(ended: readonly WriterRow[], options: RetireOptions): Promise<number> {
  const { archive, key, now, save } = options;
  const bodies = await provenBodies(
    ended.map(({ writer }) => writer),
    options,
  );
  const dropped = new Set(bodies.filter(({ kind }) => kind === 'dropped').map(({ day }) => day));
  const seals = newestSeals(bodies.filter(({ day }) => dropped.has(day)));
  const gone = ended.filter((row) =>
    isCovered(
      row,
      seals.filter(({ writer }) => writer === row.writer),
    ),
  );
  const day = new Date(now).toISOString().slice(0, 10);
  const statements = gone.flatMap(({ writer, seq, hash }) =>
    hash === undefined ? [] : [retiredOf(key, day, { writer, last: seq, hash: hash.toString('hex') }, now)],
  );
  await save(day, statements);
  for (const { writer, seq } of gone) await archive.forgetWriter(writer, seq);
  return gone.length;
}

/** What is said of these writers and of days, as far as it is signed with the key at hand. */
async function provenBodies(
  writers: readonly string[],
  { archive, key }: RetireOptions,
): Promise<readonly ManifestBody[]> {
  if (writers.length === 0) return [];
  const rows = await archive.manifests({ writers });
  return rows.flatMap((row) => readManifest(row, key) ?? []);
}

/** Whether the seals have every record of the writer, without a gap, to the one that its row names. */
function isCovered({ seq, hash }: WriterRow, seals: readonly ManifestBody[]): boolean {
  if (seq === 0) return true;
  let next = 1;
  let reached = '';
  for (const [first, last, lastHash] of seals.flatMap(({ runs }) => runs).sort(([a], [b]) => a - b)) {
    if (first > next) return false;
    if (last < next) continue;
    next = last + 1;
    reached = lastHash;
  }
  return next === seq + 1 && reached === hash?.toString('hex');
}
