import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** How long packages may take to install. Milliseconds. */
export const INSTALL_MS = 280_000;
// Without a network it is not waited for minutes until that is sure.
const RETRIES = ['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=4000'];
const NPM = ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...RETRIES];

/** Fills a folder under the temporary folder, named after the content of the list, at most once; the folder. */
export async function installed(
  name: string,
  list: string,
  fill: (target: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(list))
    .digest('hex')
    .slice(0, 16);
  const folder = join(tmpdir(), `${name}-${hash}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  try {
    await fill(partial);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another run has finished the same install meanwhile.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** Installs the packages of `package-lock.json` in this folder, once for each version of that file; their `node_modules`. */
export async function installNpm(lists: string, name = `lanport-${basename(lists)}`): Promise<string> {
  const folder = await installed(name, join(lists, 'package-lock.json'), async (target) => {
    for (const file of ['package.json', 'package-lock.json']) await cp(join(lists, file), join(target, file));
    await run('npm', NPM, { cwd: target, timeout: INSTALL_MS });
  });
  return join(folder, 'node_modules');
}
