import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, StartupError } from './startup-error.ts';

/** Lies in a data folder as long as a restore into it is under way. */
const MARK = 'restore.unfinished';

/** Marks a data folder as one that a gateway must not serve; the answer takes the mark away. */
export function markUnfinished(dataFolder: string): () => void {
  const path = join(dataFolder, MARK);
  writeFileSync(path, 'lanport restore has not come to its end here\n', { flush: true });
  return () => rmSync(path);
}

/** Throws StartupError for a data folder that holds half a backup: a gateway would begin anew on it, with other keys. */
export function refuseUnfinished(dataFolder: string): void {
  if (existsSync(join(dataFolder, MARK)))
    throw new StartupError(
      `a restore into ${dataFolder} was broken off: run it again with lanport restore FILE --replace, or choose another folder with --data`,
      EXIT.start,
    );
}
