import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The lowest there is: before every ordinary process, and before no other real-time one. */
const PRIORITY = '1';
/** What libuv calls the threads of its pool. */
const POOL = 'libuv-worker';
/** Longest that setting one of them may take. */
const SET_MS = 5_000;

/**
 * Gives those threads of this process that a request waits for (the event loop, and the pool that reads and writes files) the real-time
 * class SCHED_RR of Linux (https://man7.org/linux/man-pages/man7/sched.7.html): they run before whatever is ordinary as soon as they have something to do,
 * and where the disk has a scheduler that knows priorities, what they write goes first. Threads and processes that they start from then on are
 * ordinary ones (SCHED_RESET_ON_FORK). So are the threads that collect garbage and compile: they work for long at a time, and those that a request
 * waits for would have to wait for them in their turn.
 *
 * `path` is where the program chrt of util-linux is looked for: folders with colons between. Resolves with the number of threads. Rejects with a
 * message that says what is missing; some of the threads may have it then.
 */
export async function scheduleInRealTime(path: string): Promise<number> {
  if (process.platform !== 'linux') throw new Error(`there is none on ${process.platform}, only on Linux`);
  const threads = await awaitedThreads();
  const set = await Promise.allSettled(threads.map((thread) => setRealTime(thread, path)));
  const failure = set.find((one) => one.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return threads.length;
}

async function awaitedThreads(): Promise<readonly string[]> {
  const folder = '/proc/self/task';
  // It is the pool that reads this, all of which is there from its first use on.
  const all = await readdir(folder);
  const isAwaited = async (thread: string): Promise<boolean> =>
    thread === String(process.pid) || (await readFile(`${folder}/${thread}/comm`, 'utf8')).trim() === POOL;
  const awaited = await Promise.all(all.map(isAwaited));
  const threads = all.filter((_thread, at) => awaited[at]);
  if (threads.length < 2) throw new Error(`this Node.js (${process.version}) has no threads named ${POOL}`);
  return threads;
}

async function setRealTime(thread: string, path: string): Promise<void> {
  try {
    await run('chrt', ['--reset-on-fork', '--rr', '--pid', PRIORITY, thread], {
      timeout: SET_MS,
      env: { PATH: path, LC_ALL: 'C' },
    });
  } catch (error) {
    throw new Error(explain(error as ChrtError), { cause: error });
  }
}

type ChrtError = Omit<NodeJS.ErrnoException, 'code'> & {
  readonly code?: string | number | null;
  readonly killed?: boolean;
  readonly stderr?: string;
};

function explain({ code, killed, stderr, message }: ChrtError): string {
  if (code === 'ENOENT') return 'there is no program chrt here: install the package util-linux';
  if (killed === true) return `chrt was not done after ${SET_MS / 1_000} s`;
  const said = stderr?.trim() || message;
  if (!said.includes('Operation not permitted')) return said;
  return `${said}. Allow it: LimitRTPRIO=${PRIORITY} in the systemd unit (and no RestrictRealtime=), --ulimit rtprio=${PRIORITY} with docker run, or a line "USER - rtprio ${PRIORITY}" in /etc/security/limits.conf for the user who logs in and starts it`;
}
