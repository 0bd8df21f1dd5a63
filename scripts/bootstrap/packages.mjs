// What of package-lock.json is installed. Plain JavaScript: it runs on the Node.js that the machine has, before anything is installed.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const STAMP = 'node_modules/.lanport-installed.json';

/** Version of `root`'s lock file and of this machine: what a stamp must match. */
function fingerprint(root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return { lock, platform: `${process.platform}-${process.arch}` };
}

/**
 * Whether the stamp of a finished install fits the lock file and this machine. With `dev`, only an install that includes the
 * development packages counts; without, either does. Reads two files.
 */
export function isStamped(root, dev) {
  let stamp;
  try {
    stamp = JSON.parse(readFileSync(join(root, STAMP), 'utf8'));
  } catch {
    return false;
  }
  const now = fingerprint(root);
  return stamp.lock === now.lock && stamp.platform === now.platform && (stamp.dev === true || !dev);
}

/** Whether an install with development packages was finished here, for whatever lock file. */
export function wasFullInstall(root) {
  try {
    return JSON.parse(readFileSync(join(root, STAMP), 'utf8')).dev === true;
  } catch {
    return false;
  }
}

/** Says that the install is complete; written last. */
export function writeStamp(root, dev) {
  writeFileSync(join(root, STAMP), `${JSON.stringify({ ...fingerprint(root), dev })}\n`);
}

/** Says that it is not, before anything in node_modules changes. */
export function removeStamp(root) {
  rmSync(join(root, STAMP), { force: true });
}

/**
 * Paths under node_modules that the lock file asks for on this machine and that npm has not installed (its own record,
 * node_modules/.package-lock.json, decides). npm skips an optional package that it cannot fetch and still reports success: this
 * is how that is noticed.
 */
export function missingPackages(root, dev) {
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  let installed = {};
  try {
    installed =
      JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8')).packages ?? {};
  } catch {
    // No record: nothing is installed.
  }
  return Object.entries(wanted)
    .filter(([path, entry]) => path !== '' && isWanted(entry, dev))
    .filter(
      ([path, entry]) =>
        installed[path]?.version !== entry.version || !existsSync(join(root, path, 'package.json')),
    )
    .map(([path]) => path);
}

/** An optional package without `os` and `cpu` belongs to one of another platform, and npm leaves it out with that one. */
function isWanted(entry, dev) {
  if (entry.dev && !dev) return false;
  if (!entry.optional && !entry.devOptional) return true;
  return (
    entry.os !== undefined &&
    entry.cpu !== undefined &&
    fits(entry.os, process.platform) &&
    fits(entry.cpu, process.arch) &&
    fitsLibc(entry.libc)
  );
}

/** npm's `os`, `cpu` and `libc`: one name or several, `!name` for all but that one. */
function fits(names, value) {
  const list = Array.isArray(names) ? names : [names];
  return list.includes(value) || (list.every((item) => item.startsWith('!')) && !list.includes(`!${value}`));
}

function fitsLibc(list) {
  return list === undefined || process.platform !== 'linux' || fits(list, libc());
}

function libc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
