import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const INSTALL_MS = 180_000;
const LISTEN_ATTEMPTS = 200;
const LISTEN_PAUSE_MS = 100;
/** What npm says when it does not reach its registry. */
const UNREACHABLE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT/;

/**
 * Installs packages with npm into a folder of this name that is kept from run to run; one without a version is brought up to date.
 * `overrides`: versions of what they depend on, where what npm would take does not work. Returns the folder, or why not when npm cannot
 * reach its registry; rejects with anything else that goes wrong.
 */
export async function installPeers(
  name: string,
  packages: readonly string[],
  overrides: Readonly<Record<string, string>> = {},
): Promise<{ readonly folder: string } | { readonly skipped: string }> {
  const folder = join(import.meta.dirname, '.cache', name);
  await mkdir(folder, { recursive: true });
  const manifest = join(folder, 'package.json');
  if (Object.keys(overrides).length > 0) await writeFile(manifest, JSON.stringify({ overrides }));
  try {
    await promisify(execFile)(
      'npm',
      ['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', ...packages],
      { timeout: INSTALL_MS },
    );
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const code = UNREACHABLE.exec(stderr)?.[0];
    if (code === undefined)
      throw new Error(`npm could not install the peers: ${stderr || message}`, { cause: error });
    return { skipped: `skipped: npm cannot reach its registry (${code})` };
  }
  return { folder };
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when something takes connections there: a peer may say that it is ready before it is. */
export async function listening(port: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const socket = connect({ port, host: '127.0.0.1' });
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (attempt === LISTEN_ATTEMPTS) throw error;
      await pause(LISTEN_PAUSE_MS);
    } finally {
      socket.destroy();
    }
  }
}
