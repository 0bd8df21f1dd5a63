import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAs } from '../../src/store/pg/embedded-user.ts';
import type { DatabaseTarget } from './connector-database.ts';
import { debianProgram } from './debian-program.ts';
import { lastingPort } from './ports.ts';

const PACKAGES = ['pgbouncer', 'libc-ares2'];

export interface Pooler extends AsyncDisposable {
  readonly port: number;
}

/** Starts PgBouncer with transaction pooling in front of a server, with so few sessions that calls share them. */
export async function startPooler(server: DatabaseTarget, settings: readonly string[]): Promise<Pooler> {
  const { path, env } = await debianProgram(['pgbouncer'], PACKAGES, 'usr/sbin/pgbouncer');
  const folder = await mkdtemp(join(tmpdir(), 'lanport-pooler-'));
  await chmod(folder, 0o755);
  const port = await lastingPort();
  const config = join(folder, 'pgbouncer.ini');
  const users = join(folder, 'users.txt');
  await writeFile(users, '"owner" ""\n"demo_reader" ""\n');
  await writeFile(
    config,
    `[databases]\n* = host=${server.host} port=${server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nauth_type = trust\nauth_file = ${users}\npool_mode = transaction\ndefault_pool_size = 2\n${settings.join('\n')}\n`,
  );
  const user = runAs([folder, path]);
  for (const file of [folder, config, users])
    if (user.uid !== undefined && user.gid !== undefined) chownSync(file, user.uid, user.gid);
  const [command, args] = user.wrap(path, [config]);
  const child = spawn(command, [...args], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: '/usr/bin:/bin', ...env },
  });
  let printed = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
      if (/process up/.test(printed)) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`PgBouncer ended (${code}): ${printed}`)));
  });
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      if (child.exitCode === null) child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
