import { existsSync } from 'node:fs';
import { type FileHandle, link, open, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EXIT, StartupError } from './startup-error.ts';

/** How a file is saved. */
export interface SaveOptions {
  /** What did not happen when it fails, for example `nothing was exported`. */
  readonly failed: string;
  /** Gives it up. */
  readonly signal?: AbortSignal;
  /** Reads what was written; rejects when that is not right. */
  readonly check?: (draft: string) => Promise<void>;
}

/**
 * Saves what `download` opens into a new file, which appears under its name when it is whole; until then it lies beside it with `.part` behind the
 * name. Nothing is asked for where the file cannot be made. Rejects with StartupError, and then nothing is left.
 */
export async function saveFile(
  file: string,
  download: () => Promise<Readable>,
  { failed, signal, check }: SaveOptions,
): Promise<void> {
  if (existsSync(file))
    throw new StartupError(`${file} is there already and is not overwritten`, EXIT.failed);
  const draft = `${file}.part`;
  let opened: FileHandle | undefined;
  try {
    opened = await open(draft, 'w', 0o600);
    const body = await Promise.race([download(), ...(signal === undefined ? [] : [aborted(signal)])]);
    await pipeline(body, opened.createWriteStream({ flush: true }), { ...(signal && { signal }) });
    await check?.(draft);
    await link(draft, file);
  } catch (error) {
    if (error instanceof StartupError) throw error;
    const reason = signal?.aborted === true ? 'it was interrupted' : messageOf(error);
    throw new StartupError(`${failed}: ${reason}`, EXIT.failed, error);
  } finally {
    // The stream has closed it, where there was one.
    await opened?.close();
    if (opened !== undefined) await rm(draft, { force: true });
  }
}

/** Rejects once it is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
