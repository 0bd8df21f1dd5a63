import { mkdirSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChainTip } from '../store/store-ports.ts';
import { errorChain, type Log } from '../telemetry/log.ts';

/** How far a chain had come when it was noted outside the database. */
export interface Anchor {
  readonly writer: string;
  readonly seq: number;
  /** Hexadecimal. */
  readonly hash: string;
}

const WRITE_EVERY_MS = 1_000;
const SUFFIX = '.tip.json';

/**
 * Notes in the data folder how far each chain has come in the store, at most once a second: records that are cut off its end later are
 * found missing. One file a writer.
 */
export class Anchors {
  readonly #folder: string;
  readonly #log: Log;
  readonly #dirty = new Map<string, ChainTip>();
  readonly #known = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, log: Log) {
    this.#folder = join(folder, 'chain');
    this.#log = log;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  note(tips: readonly ChainTip[]): void {
    for (const tip of tips) this.#dirty.set(tip.writer, tip);
    // The first of a writer at once: then there is one of every writer that has written at all.
    if (tips.some(({ writer }) => !this.#known.has(writer))) void this.flush();
    else if (tips.length > 0) this.#timer ??= setTimeout(() => void this.flush(), WRITE_EVERY_MS).unref();
  }

  /** Writes what was noted. Never rejects. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const tips = [...this.#dirty.values()];
    for (const { writer } of tips) this.#known.add(writer);
    this.#dirty.clear();
    this.#writing = this.#writing.then(async () => {
      for (const tip of tips) await this.#write(tip);
    });
    return this.#writing;
  }

  async #write({ writer, seq, hash }: ChainTip): Promise<void> {
    const anchor: Anchor = { writer, seq, hash: hash.toString('hex') };
    const path = join(this.#folder, `${writer}${SUFFIX}`);
    try {
      await writeFile(`${path}.new`, `${JSON.stringify(anchor)}\n`, { mode: 0o600 });
      await rename(`${path}.new`, path);
    } catch (error) {
      this.#log.warn('how far the ledger has come cannot be noted in the data folder', {
        reason: errorChain(error),
      });
    }
  }
}

/** Forgets how far a writer has come. */
export async function removeAnchor(folder: string, writer: string): Promise<void> {
  await rm(join(folder, 'chain', `${writer}${SUFFIX}`), { force: true });
}

/** The anchors in a ledger's folder; a file that a crash cut counts as none. */
export async function readAnchors(folder: string): Promise<readonly Anchor[]> {
  const names = await readdir(join(folder, 'chain')).catch(() => []);
  const anchors: Anchor[] = [];
  for (const name of names) {
    if (!name.endsWith(SUFFIX)) continue;
    try {
      anchors.push(JSON.parse(await readFile(join(folder, 'chain', name), 'utf8')) as Anchor);
    } catch {
      // Written again with the next records; verify says which writers have none.
    }
  }
  return anchors;
}
