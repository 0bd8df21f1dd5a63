import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { HEADERS } from './gateway.ts';
import { LOAD, pinned, type Started, startProcess, UNDER_TEST } from './processes.ts';

/** A program that does the same work as Lanport over stdio, started, with a session. */
export interface Peer {
  readonly name: string;
  readonly process: Started;
  readonly headers: Readonly<Record<string, string>>;
}

const [COMMAND, ARGUMENTS] = pinned(LOAD, [join(import.meta.dirname, 'echo-stdio.ts')]);
const SERVER: readonly string[] = [COMMAND, ...ARGUMENTS];
const INSTALL_MS = 180_000;
const LISTEN_ATTEMPTS = 200;
const LISTEN_PAUSE_MS = 100;
/** What npm says when it does not reach its registry. */
const UNREACHABLE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT/;

const PEERS: readonly {
  readonly name: string;
  arguments(port: number): readonly string[];
  readonly ready: RegExp;
}[] = [
  {
    name: 'mcp-proxy',
    arguments: (port) => [
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--server',
      'stream',
      '--',
      ...SERVER,
    ],
    ready: /starting server on port/i,
  },
  {
    name: 'supergateway',
    arguments: (port) => [
      '--stdio',
      SERVER.join(' '),
      '--outputTransport',
      'streamableHttp',
      '--stateful',
      '--port',
      String(port),
    ],
    ready: /Listening on port/i,
  },
];

/** Where they are installed; no version is pinned, a folder that is there is brought up to date. */
const FOLDER = join(import.meta.dirname, '.cache', 'peers');

/**
 * Installs the peers with npm and starts them. Returns why not, in one line, when npm cannot reach its registry; rejects with anything
 * else that goes wrong.
 */
export async function startPeers(track: (started: Started) => void): Promise<readonly Peer[] | string> {
  const folder = FOLDER;
  await mkdir(folder, { recursive: true });
  try {
    await promisify(execFile)(
      'npm',
      [
        'install',
        '--prefix',
        folder,
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        ...PEERS.map(({ name }) => name),
      ],
      { timeout: INSTALL_MS },
    );
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const code = UNREACHABLE.exec(stderr)?.[0];
    if (code === undefined)
      throw new Error(`npm could not install the peers: ${stderr || message}`, { cause: error });
    return `skipped: npm cannot reach its registry (${code})`;
  }
  const peers: Peer[] = [];
  for (const peer of PEERS) {
    const home = join(folder, 'node_modules', peer.name);
    const { version, bin } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as {
      version: string;
      bin: string | Record<string, string>;
    };
    const port = await freePort();
    const program = join(home, typeof bin === 'string' ? bin : bin[peer.name]!);
    const started = await startProcess(UNDER_TEST, [program, ...peer.arguments(port)], (line) =>
      peer.ready.test(line) ? port : undefined,
    );
    track(started);
    await listening(port);
    peers.push({
      name: `${peer.name} ${version}`,
      process: started,
      headers: { ...HEADERS, ...(await openSession(port)) },
    });
  }
  return peers;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when something takes connections there: a peer may say that it is ready before it is. */
async function listening(port: number): Promise<void> {
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

async function openSession(port: number): Promise<Record<string, string>> {
  const post = async (message: unknown, more: Record<string, string>): Promise<Response> => {
    const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
      method: 'POST',
      headers: { ...HEADERS, ...more },
      body: JSON.stringify(message),
    });
    await response.text();
    if (!response.ok) throw new Error(`the peer on port ${port} answered ${response.status}`);
    return response;
  };
  const opened = await post(
    {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-06-18',
        capabilities: {},
        clientInfo: { name: 'bench', version: '1' },
      },
    },
    {},
  );
  const session = {
    'mcp-session-id': opened.headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-06-18',
  };
  await post({ jsonrpc: '2.0', method: 'notifications/initialized' }, session);
  return session;
}
