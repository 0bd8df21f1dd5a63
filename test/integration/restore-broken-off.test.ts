import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, watch } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MASTER_KEY, startGateway } from '../support/gateway.ts';
import { lanport } from '../support/lanport.ts';
import { startTestPostgres } from '../support/postgres.ts';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

let folder: string;
let backup: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-restore-'));
  backup = join(folder, 'one.tar.gz');
  await using gateway = await startGateway({ config: { general_settings: { master_key: MASTER_KEY } } });
  await lanport(['backup', '--url', gateway.url, '--key', MASTER_KEY, '-o', backup]);
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Resolves when there is a file of this name in a folder. */
function appears(within: string, name: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(within, () => look());
    const look = (): void => {
      if (!existsSync(join(within, name))) return;
      watcher.close();
      resolve();
    };
    look();
  });
}

/** One that has ended and that nobody has asked about yet (a zombie) is not. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return !existsSync('/proc/self');
  }
};

it('a restore that was killed is not served, and leaves no database server behind once it is run again', async () => {
  verifies('backup:whole-or-nothing');
  const data = join(folder, 'killed');
  await mkdir(data);
  const child = spawn(process.execPath, [join(ROOT, 'src/main.ts'), 'restore', backup, '--data', data], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] ?? '' },
  });
  const exited = once(child, 'exit');
  await appears(data, 'postgres');
  await appears(join(data, 'postgres'), 'postmaster.pid');
  child.kill('SIGKILL');
  await exited;
  const left = Number((await readFile(join(data, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]);

  const served = await lanport(['serve', '--data', data, '--port', '0']);
  expect(served).toMatchObject({ code: 3, stderr: expect.stringContaining('was broken off') as string });
  const again = await lanport(['restore', backup, '--data', data, '--replace']);
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining(`serve --data ${data}`) as string });
  expect(isAlive(left)).toBe(false);
  expect(await readdir(data)).not.toContain('restore.unfinished');
}, 120_000);

it('a restore that is refused leaves the data folder as it was', async () => {
  verifies('backup:overwrites-nothing');
  await using postgres = await startTestPostgres();
  const env = { DATABASE_URL: await postgres.createDatabase() };
  const data = join(folder, 'refused');
  expect(await lanport(['restore', backup, '--data', data], { env })).toMatchObject({ code: 0 });
  const used = join(folder, 'used');
  await mkdir(used);
  await writeFile(join(used, 'mine'), 'keep');
  const refused = await lanport(['restore', backup, '--data', used, '--replace'], { env });
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('it holds data of Lanport already') as string,
  });
  expect(await readdir(used)).toEqual(['mine']);
  expect((await readdir(folder)).filter((name) => name.startsWith('used'))).toEqual(['used']);
}, 120_000);

it('what is no backup and what can be no data folder are named, without waiting for ever', async () => {
  const restored = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await lanport(['restore', ...args]);
    expect(code).toBe(1);
    return stderr;
  };
  expect(await restored(join(folder, 'none'))).toMatch(/the backup .*none cannot be read/);
  expect(await restored(folder)).toMatch(/the backup .* cannot be read/);
  expect(await restored(backup, '--data', join(backup, 'x'))).toMatch(/the data folder .* cannot be used/);
  // Where there is no such file system, it is a folder that cannot be made either.
  expect(await restored(backup, '--data', '/proc/lanport')).toMatch(/cannot be used/);
  const served = await lanport(['serve', '--data', '/proc/lanport', '--port', '0']);
  expect(served).toMatchObject({ code: 3, stderr: expect.stringContaining('/proc/lanport') as string });
}, 60_000);
