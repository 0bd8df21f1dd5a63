import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The lowest there is: before every ordinary process, and after all that others have made real-time. */
const PRIORITY = '1';
/** What libuv calls the threads of its pool. */
const POOL = 'libuv-worker';
/** Longest that setting one of them may take. */
const SET_MS = 5_000;

/**
 * Gives those threads of a Node.js process that a request waits for (its event loop, and the pool that reads and writes files) the real-time
 * class SCHED_RR of Linux (https://man7.org/linux/man-pages/man7/sched.7.html): they run as soon as there is something to do, however busy
 * others keep the processors, and where the disk has a scheduler that knows priorities, what they write goes first. Threads and processes that
 * they start from then on are ordinary ones. So are the threads that collect garbage and compile: they work for long at a time, and those that a
 * request waits for would have to wait for them in their turn.
 *
 * Resolves with the number of threads. Rejects with a message that says what is missing.
 */
export async function scheduleInRealTime(pid: number = process.pid): Promise<number> {
  if (process.platform !== 'linux') throw new Error(`there is none on ${process.platform}, only on Linux`);
  const threads = await awaitedThreads(pid);
  await Promise.all(threads.map(setRealTime));
  return threads.length;
}

/** Reading files starts the pool, whole, where it has not been started yet. */
async function awaitedThreads(pid: number): Promise<readonly string[]> {
  const folder = `/proc/${pid}/task`;
  const all = await readdir(folder);
  const isAwaited = async (thread: string): Promise<boolean> =>
    thread === String(pid) || (await readFile(`${folder}/${thread}/comm`, 'utf8')).trim() === POOL;
  const awaited = await Promise.all(all.map(isAwaited));
  return all.filter((_thread, at) => awaited[at]);
}

async function setRealTime(thread: string): Promise<void> {
  try {
    await run('chrt', ['--reset-on-fork', '--rr', '--pid', PRIORITY, thread], { timeout: SET_MS });
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { readonly stderr?: string };
    if (code === 'ENOENT')
      throw new Error('there is no program chrt here: install the package util-linux', { cause: error });
    const said = stderr?.trim();
    throw new Error(
      `${said === undefined || said === '' ? 'chrt failed' : said}. Allow it: LimitRTPRIO=${PRIORITY} in the systemd unit, --ulimit rtprio=${PRIORITY} with docker run, or "USER - rtprio ${PRIORITY}" in /etc/security/limits.conf for the user who starts the gateway`,
      { cause: error },
    );
  }
}
