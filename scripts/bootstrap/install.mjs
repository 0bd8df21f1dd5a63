// Installs what is missing with npm, once; says in one line what is wrong when it cannot.
import { spawn } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { tryLock } from './install-lock.mjs';
import { isStamped, missingPackages, removeStamp, wasFullInstall, writeStamp } from './packages.mjs';

const LOCK_POLL_MS = 200;
/** Longer than any install on a slow line; who waits longer waits for a process that hangs. */
const LOCK_WAIT_MS = 30 * 60_000;
const SPINNER_MS = 200;
const LOG_TAIL_BYTES = 64 * 1024;

/** A failure whose message is one line for the person at the terminal. */
export class BootstrapError extends Error {}

/**
 * Makes sure that the packages of package-lock.json are there; with `dev`, the development packages too. Costs two small reads when
 * they are. An install with development packages is never reduced. Throws BootstrapError.
 */
export async function ensureInstalled(root, { dev }) {
  if (isStamped(root, dev)) return;
  const lock = await takeLock(root);
  try {
    if (isStamped(root, dev)) return;
    const full = dev || wasFullInstall(root);
    if (missingPackages(root, full).length > 0) {
      if (full || missingPackages(root, false).length > 0) await install(root, full, lock);
    }
    guard(root, () => writeStamp(root, full || missingPackages(root, true).length === 0));
  } finally {
    lock.release();
  }
}

async function takeLock(root) {
  const file = join(root, '.install', 'lock');
  const giveUpAt = performance.now() + LOCK_WAIT_MS;
  for (let told = false; ; told = true) {
    const attempt = guard(root, () => tryLock(file));
    if (attempt.handle !== undefined) return attempt.handle;
    if (performance.now() > giveUpAt)
      throw new BootstrapError(
        `process ${attempt.pid} has been installing for too long: stop it (kill ${attempt.pid}) and start again.`,
      );
    if (!told)
      process.stderr.write(`lanport: waiting for the install of process ${attempt.pid} in ${root}\n`);
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}

async function install(root, dev, lock) {
  guard(root, () => {
    mkdirSync(join(root, 'node_modules'), { recursive: true });
    accessSync(join(root, 'node_modules'), constants.W_OK);
    removeStamp(root);
  });
  const logFile = join(root, '.install', 'npm.log');
  const log = guard(root, () => openSync(logFile, 'w+'));
  const stopProgress = showProgress(
    dev ? 'installing packages, those for development included' : 'installing packages',
  );
  try {
    const cache = canCache() ? undefined : join(root, '.install', 'npm-cache');
    const result = await runNpm(root, npmArguments(dev, cache), log, lock);
    if (cache !== undefined) rmSync(cache, { recursive: true, force: true });
    if (result.signal !== null)
      throw Object.assign(new BootstrapError('stopped while installing'), { signal: result.signal });
    if (result.error !== undefined) {
      throw new BootstrapError(
        `npm cannot be started (${result.error.code ?? result.error.message}). Install Node.js with npm, 20 or newer: https://nodejs.org`,
      );
    }
    const missing = result.code === 0 ? missingPackages(root, dev) : [];
    if (result.code !== 0 || missing.length > 0)
      throw new BootstrapError(explain(root, readTail(log), logFile, missing));
  } finally {
    stopProgress();
    closeSync(log);
  }
}

/** Short retries: the whole of an unreachable registry must not take minutes. Install scripts are not needed by any package here. */
function npmArguments(dev, cache) {
  const retries = ['--fetch-retries=3', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=8000'];
  return [
    'ci',
    dev ? '--include=dev' : '--omit=dev',
    '--include=optional',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=http',
    '--progress=false',
    '--prefer-offline',
    ...retries,
    ...(cache === undefined ? [] : [`--cache=${cache}`]),
  ];
}

/** Whether npm can keep its cache where it usually does; a service account has no home. */
function canCache() {
  const usual = process.env.npm_config_cache ?? join(homedir(), '.npm');
  try {
    mkdirSync(usual, { recursive: true });
    accessSync(usual, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function runNpm(root, args, log, lock) {
  const script = process.env.npm_execpath;
  const viaNode = script !== undefined && basename(script) === 'npm-cli.js' && existsSync(script);
  const [command, commandArgs] = viaNode ? [process.execPath, [script, ...args]] : ['npm', args];
  return new Promise((resolve) => {
    const child = spawn(command, commandArgs, { cwd: root, stdio: ['ignore', log, log], detached: true });
    const stop = (signal) => {
      stopped = signal;
      child.kill(signal);
    };
    let stopped = null;
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, stop);
    const finish = (result) => {
      for (const signal of signals) process.removeListener(signal, stop);
      resolve(result);
    };
    child.once('error', (error) => finish({ code: null, signal: null, error }));
    child.once('exit', (code, signal) => finish({ code, signal: stopped ?? signal }));
    if (child.pid !== undefined) lock.shareWith(child.pid);
  });
}

/** A line that moves on a terminal; in a pipe one line, because an install takes long enough to be wondered about. */
function showProgress(what) {
  if (!process.stderr.isTTY) {
    process.stderr.write(`lanport: ${what} (once)\n`);
    return () => {};
  }
  const started = Date.now();
  const draw = () =>
    process.stderr.write(`\r\x1b[Klanport: ${what} (once) … ${Math.round((Date.now() - started) / 1000)} s`);
  draw();
  const timer = setInterval(draw, SPINNER_MS);
  return () => {
    clearInterval(timer);
    process.stderr.write('\r\x1b[K');
  };
}

function readTail(log) {
  const buffer = Buffer.alloc(LOG_TAIL_BYTES);
  const read = readSync(log, buffer, 0, LOG_TAIL_BYTES, Math.max(0, fstatSync(log).size - LOG_TAIL_BYTES));
  return buffer.toString('utf8', 0, read);
}

/** The first cause that npm's output shows, and the way out, in one line. */
function explain(root, log, logFile, missing) {
  const end = `Details: ${logFile}`;
  if (/ENOSPC/.test(log))
    return `the disk that holds ${root} or npm's cache is full: free about 1 GB and start again. ${end}`;
  if (/EACCES|EPERM|EROFS/.test(log))
    return `npm may not write to ${root} or to its cache: make both writable for this user and start again. ${end}`;
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET_TIMEOUT|network/i.test(
      log,
    )
  ) {
    return `npm cannot reach its registry: connect this machine, or set a proxy (npm config set proxy URL), and start again. ${end}`;
  }
  if (/\b(E401|E403|E407)\b/.test(log))
    return `the npm registry refuses access: check "npm config get registry" and its credentials, and start again. ${end}`;
  if (/EUSAGE|EJSONPARSE|ENOLOCK/.test(log))
    return `package.json and package-lock.json do not agree: restore both (git checkout package.json package-lock.json). ${end}`;
  if (/CERT|self.signed/i.test(log))
    return `the registry's certificate is not trusted here: set NODE_EXTRA_CA_CERTS to your company's CA file and start again. ${end}`;
  if (missing.length > 0)
    return `npm left out ${missing[0]}${missing.length > 1 ? ` and ${missing.length - 1} more` : ''}: start again, it resumes. ${end}`;
  return `npm could not install the packages. ${end}`;
}

/** `action`, its file system errors told in one line. */
function guard(root, action) {
  try {
    return action();
  } catch (error) {
    if (error.code === 'ENOSPC')
      throw new BootstrapError(`the disk that holds ${root} is full: free about 1 GB and start again.`);
    if (['EACCES', 'EPERM', 'EROFS'].includes(error.code)) {
      throw new BootstrapError(
        `${error.path ?? root} cannot be written by this user: clone into a folder of your own, or run "chown -R ${process.getuid?.() ?? 'USER'} ${root}" as root, and start again.`,
      );
    }
    throw error;
  }
}
