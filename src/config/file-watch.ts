import { stat } from 'node:fs/promises';
import { diskFiles } from './files.ts';

/** State of each file when it was read, by path; equal states mean that it need not be read again. */
export type FileStamps = ReadonlyMap<string, string>;

const ABSENT = 'absent';

/** Reads files and notes their state just before, so that what changes while a file is read counts as a change. */
export function noteReads(): {
  readonly readFile: (path: string) => Promise<Uint8Array>;
  readonly stamps: FileStamps;
} {
  const stamps = new Map<string, string>();
  return {
    stamps,
    readFile: async (path) => {
      stamps.set(path, await stampOf(path));
      return diskFiles.readFile(path);
    },
  };
}

/** Follows links; another file under the same name has another inode, a file that came with an old date another ctime. */
async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? ABSENT;
  }
}

/** How often files are looked at, and for how long a change must have come to rest. Milliseconds. */
const TIMES = { lookMs: 1_000, settleMs: 250 } as const;

/**
 * Notices that files have changed, appeared or gone. It asks for their state instead of subscribing to events: that costs a few
 * system calls a second, and sees what events miss or tell of another file: renames over the file, links that are changed, volumes
 * of containers and network file systems. A file that is being written is given time to become whole.
 */
export class FileWatch implements Disposable {
  readonly #onChange: () => void;
  readonly #times: { readonly lookMs: number; readonly settleMs: number };
  #known: FileStamps = new Map();
  /** What the last look saw, when that was another state than the known one. */
  #seen: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(onChange: () => void, times: { lookMs: number; settleMs: number } = TIMES) {
    this.#onChange = onChange;
    this.#times = times;
  }

  /** Watches these files, and no others; `stamps` says in which state they were read. */
  watch(stamps: FileStamps): void {
    this.#known = stamps;
    this.#seen = undefined;
    if (stamps.size > 0) this.#again(this.#times.lookMs);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #again(ms: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms).unref();
  }

  async #look(): Promise<void> {
    const known = this.#known;
    const now = new Map<string, string>();
    for (const path of known.keys()) now.set(path, await stampOf(path));
    // Meanwhile the files were read anew, and another look is on its way.
    if (this.#closed || this.#known !== known) return;
    const text = textOf(now);
    if (text === textOf(known)) this.#seen = undefined;
    else if (text === this.#seen) {
      this.#known = now;
      this.#seen = undefined;
      this.#onChange();
    } else this.#seen = text;
    this.#again(this.#seen === undefined ? this.#times.lookMs : this.#times.settleMs);
  }
}

function textOf(stamps: FileStamps): string {
  return JSON.stringify([...stamps]);
}
