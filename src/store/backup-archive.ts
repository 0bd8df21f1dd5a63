import { createHash } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { z } from 'zod';

/** What a backup holds, as it says itself: the first entry of the archive. */
const manifestSchema = z.object({
  format: z.literal(1),
  /** Version of the program that made it. */
  madeBy: z.string(),
  /** RFC 3339; everything in it is as of this moment. */
  madeAt: z.string(),
  /** Names of the migrations that its tables come from, in order. */
  migrations: z.array(z.string()),
  tables: z.array(
    z.object({
      name: z.string().regex(/^[a-z_0-9]+$/),
      columns: z.array(z.string().regex(/^[a-z_0-9]+$/)).min(1),
      /** Of a partitioned table: its partitions and what each is for. */
      partitions: z.array(
        z.object({
          name: z.string().regex(/^[a-z_0-9]+$/),
          bound: z.string().regex(/^(?:DEFAULT|FOR VALUES FROM \('[^'()]+'\) TO \('[^'()]+'\))$/),
        }),
      ),
    }),
  ),
});

export type BackupManifest = z.output<typeof manifestSchema>;
export type BackupTable = BackupManifest['tables'][number];

/** A part of a backup; the manifest comes first, and the rows of one table follow each other. */
export type BackupPiece =
  | { readonly kind: 'manifest'; readonly manifest: BackupManifest }
  /** Lines of `COPY … TO STDOUT` (PostgreSQL, COPY, "Text Format"); a line may go on in the next piece. */
  | { readonly kind: 'rows'; readonly table: string; readonly bytes: Buffer }
  /** A file of the data folder, by its path in there. */
  | { readonly kind: 'file'; readonly path: string; readonly bytes: Buffer };

/** Of each entry before the last: its name and the SHA-256 of its bytes. The last entry, so that an archive that was cut off shows. */
const endSchema = z.object({ entries: z.array(z.tuple([z.string(), z.string()])) });

const MANIFEST = 'manifest.json';
const END = 'end.json';
/** Larger entries are not of a backup. */
const ENTRY_BYTES_MAX = 256 * 1024 * 1024;
const FILE_PATH = /^(?!.*\.\.)[\w.-]+(?:\/[\w.-]+)*$/;

/** The pieces as a gzipped tar archive. The stream fails when the pieces do; then the archive has no end, and no reader takes it. */
export function writeArchive(pieces: AsyncIterable<BackupPiece>): Readable {
  const out = new PassThrough();
  const tar = pack();
  const fill = async (): Promise<void> => {
    const entries: [string, string][] = [];
    const counts = new Map<string, number>();
    for await (const piece of pieces) {
      const [name, bytes] = entryOf(piece, counts);
      entries.push([name, digestOf(bytes)]);
      await add(tar, name, bytes);
    }
    await add(tar, END, Buffer.from(JSON.stringify({ entries } satisfies z.output<typeof endSchema>)));
    tar.finalize();
  };
  fill().catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))));
  pipeline(tar, createGzip({ level: 6 }), out).catch((error: unknown) =>
    out.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return out;
}

function entryOf(piece: BackupPiece, counts: Map<string, number>): [string, Buffer] {
  switch (piece.kind) {
    case 'manifest':
      return [MANIFEST, Buffer.from(JSON.stringify(piece.manifest, null, 2))];
    case 'file':
      return [`files/${piece.path}`, piece.bytes];
    case 'rows': {
      const count = (counts.get(piece.table) ?? 0) + 1;
      counts.set(piece.table, count);
      return [`tables/${piece.table}/${String(count).padStart(6, '0')}.copy`, piece.bytes];
    }
  }
}

/** Resolves when the entry has gone out, so that a slow reader holds the pieces up. */
function add(tar: ReturnType<typeof pack>, name: string, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const entry = tar.entry({ name, size: bytes.length, mode: 0o600, mtime: new Date() }, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
    // A reader that goes away destroys the entry, too, which says so a second time: unheard, that would end the process.
    entry.on('error', reject);
    entry.end(bytes);
  });
}

/**
 * The pieces of an archive, in order. Throws BackupDamage when it is no backup, was cut off or was changed: at the latest after the last piece, so what is
 * done with the pieces must be undone then.
 */
export async function* readArchive(archive: Readable): AsyncGenerator<BackupPiece> {
  const tar = extract();
  const flow = pipeline(archive, createGunzip(), tar);
  flow.catch(() => undefined);
  const sums: [string, string][] = [];
  let end: z.output<typeof endSchema> | undefined;
  try {
    for await (const entry of tar) {
      const { name, size } = entry.header;
      if (end !== undefined) throw new BackupDamage(`there is something after its end: ${name}`);
      if (size > ENTRY_BYTES_MAX) throw new BackupDamage(`${name} is too large to be of a backup`);
      const chunks: Buffer[] = [];
      for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      if (name === END) end = parse(endSchema, bytes, END);
      else {
        sums.push([name, digestOf(bytes)]);
        yield pieceOf(name, bytes, sums.length === 1);
      }
    }
    await flow;
  } catch (error) {
    if (error instanceof BackupDamage || !isUnreadable(error)) throw error;
    throw new BackupDamage(`it cannot be read to its end (${error.message})`, { cause: error });
  } finally {
    archive.destroy();
  }
  if (end === undefined) throw new BackupDamage('it was cut off: its end is missing');
  const differing = sums.findIndex(
    ([name, sum], at) => end.entries[at]?.[0] !== name || end.entries[at][1] !== sum,
  );
  if (differing >= 0) throw new BackupDamage(`${sums[differing]![0]} is not as it was written`);
  if (end.entries.length !== sums.length)
    throw new BackupDamage(`${end.entries[sums.length]![0]} is missing from it`);
}

/** The file is no backup, or not the one that was made. The message completes "the backup cannot be used: …". */
export class BackupDamage extends Error {
  override readonly name = 'BackupDamage';
}

function pieceOf(name: string, bytes: Buffer, isFirst: boolean): BackupPiece {
  if (isFirst !== (name === MANIFEST))
    throw new BackupDamage('it does not begin with what it holds: it is no backup of Lanport');
  if (isFirst) return { kind: 'manifest', manifest: parse(manifestSchema, bytes, MANIFEST) };
  const [folder, table] = name.split('/');
  if (folder === 'tables' && table !== undefined) return { kind: 'rows', table, bytes };
  const path = name.slice('files/'.length);
  if (folder === 'files' && FILE_PATH.test(path)) return { kind: 'file', path, bytes };
  throw new BackupDamage(`it holds something unknown: ${name.slice(0, 100)}`);
}

function parse<T>(schema: z.ZodType<T>, bytes: Buffer, name: string): T {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new BackupDamage(`its ${name} is no JSON`, { cause: error });
  }
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new BackupDamage(
    `its ${name} is of another format: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    { cause: read.error },
  );
}

/** What a decoder says of bytes that are none of its own; other failures are the machine's. */
function isUnreadable(error: unknown): error is Error {
  const code = (error as { readonly code?: unknown }).code;
  return (
    error instanceof Error &&
    (code === undefined ||
      (typeof code === 'string' && (code.startsWith('Z_') || code.startsWith('ERR_STREAM'))))
  );
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
