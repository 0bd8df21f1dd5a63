import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { scheduleInRealTime } from './realtime.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-chrt-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A chrt that does this in place of its work. */
async function withChrt(script: string): Promise<number> {
  const file = join(folder, 'chrt');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return scheduleInRealTime(folder);
}

/** The main thread of this process and those of its pool. */
function awaitedThreads(): readonly string[] {
  return readdirSync('/proc/self/task').filter(
    (thread) =>
      thread === String(process.pid) ||
      readFileSync(`/proc/self/task/${thread}/comm`, 'utf8') === 'libuv-worker\n',
  );
}

it('is set for the main thread and those of the pool, and is not inherited', async () => {
  const threads = await withChrt(`echo "$@" >> ${folder}/said`);
  const lines = (await readFile(join(folder, 'said'), 'utf8')).trim().split('\n').sort();
  expect(threads).toBeGreaterThan(1);
  expect(lines).toEqual(
    awaitedThreads()
      .map((thread) => `--reset-on-fork --rr --pid 1 ${thread}`)
      .sort(),
  );
  expect(lines).toHaveLength(threads);
});

it('that is not allowed is said with what allows it', async () => {
  const refused = withChrt(`echo "chrt: failed to set pid 7's policy: Operation not permitted" >&2; exit 1`);
  await expect(refused).rejects.toThrow(
    /^chrt: failed to set pid 7's policy: Operation not permitted\. Allow it: LimitRTPRIO=1 in the systemd unit .*--ulimit rtprio=1 .*limits\.conf/,
  );
});

it('that fails in another way is said as it is', async () => {
  await expect(withChrt('echo "chrt: unknown option" >&2; exit 1')).rejects.toThrow(/^chrt: unknown option$/);
  await expect(withChrt('exit 3')).rejects.toThrow('Command failed: chrt --reset-on-fork');
  await expect(scheduleInRealTime('/nowhere')).rejects.toThrow('install the package util-linux');
});
