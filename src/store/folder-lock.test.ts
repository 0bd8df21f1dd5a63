import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FolderInUseError, lockFolder, startTimeOf } from './folder-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lanport-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ownedBy = (pid: number): void =>
  writeFileSync(join(folder, 'lanport.pid'), `${pid} ${startTimeOf(pid) ?? ''}\n`);

it('a folder has one owner, as long as it lives', async () => {
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(other, 'spawn');
  ownedBy(other.pid!);
  expect(() => lockFolder(folder)).toThrow(FolderInUseError);
  other.kill('SIGKILL');
  await once(other, 'exit');
  lockFolder(folder).release();
});

it('a process that ended and whose parent does not ask for it owns nothing', async () => {
  // The shell becomes a program that waits for no child.
  const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  const pid = Number(line);
  try {
    ownedBy(pid);
    expect(() => lockFolder(folder)).toThrow(FolderInUseError);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => tryLock()).toBe(true);
  } finally {
    parent.kill('SIGKILL');
  }
});

function tryLock(): boolean {
  try {
    lockFolder(folder).release();
    return true;
  } catch (error) {
    if (error instanceof FolderInUseError) return false;
    throw error;
  }
}
