import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HEADERS } from './gateway.ts';
import { freePort, installPeers, listening } from './install-peers.ts';
import { LOAD, pinned, type Started, startProcess, UNDER_TEST } from './processes.ts';

/** A program that does the same work as Lanport over stdio, started, with a session. */
export interface Peer {
  readonly name: string;
  readonly process: Started;
  readonly headers: Readonly<Record<string, string>>;
}

const [COMMAND, ARGUMENTS] = pinned(LOAD, [join(import.meta.dirname, 'echo-stdio.ts')]);
const SERVER: readonly string[] = [COMMAND, ...ARGUMENTS];

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

/**
 * Installs the peers with npm and starts them. Returns why not, in one line, when npm cannot reach its registry; rejects with anything
 * else that goes wrong.
 */
export async function startPeers(track: (started: Started) => void): Promise<readonly Peer[] | string> {
  const installed = await installPeers(
    'peers',
    PEERS.map(({ name }) => name),
  );
  if ('skipped' in installed) return installed.skipped;
  const { folder } = installed;
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
