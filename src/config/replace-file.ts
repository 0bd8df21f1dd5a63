import { randomUUID } from 'node:crypto';
import { open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';

/**
 * Replaces the content of a file as a whole: a reader sees the old text or the new one. Its permissions and, as far as this user may
 * set it, its owner stay. A file that cannot be replaced (one that is mounted into a container by itself) is written in place.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const target = await realpath(path);
  const { mode, uid, gid } = await stat(target);
  const beside = `${target}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    const handle = await open(beside, 'wx', mode & 0o777);
    try {
      await handle.chmod(mode & 0o777);
      await handle.chown(uid, gid).catch(() => undefined);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true });
    if (!['EBUSY', 'EACCES', 'EPERM', 'EXDEV'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
    await writeFile(target, text);
  }
}
