import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HEADERS, startGateway } from './gateway.ts';
import type { Measurement } from './measure.ts';
import { type Peer, startPeers } from './peers.ts';
import { LOAD, moveChildren, pinned, type Started, UNDER_TEST } from './processes.ts';

/** One line of the table: a load, what it is put on, and what was measured. */
export interface Case {
  readonly name: string;
  readonly target: Started;
  readonly job: Readonly<Record<string, unknown>>;
  /** Name of the case that it is compared with. */
  readonly against: string | undefined;
  readonly results: Measurement[];
}

/** Starts a program of the benchmark, which is ended with the run. */
export type Start = (
  processor: string | undefined,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
) => Promise<Started>;

const HERE = import.meta.dirname;
const CONNECTIONS = [1, 16, 64] as const;
const LISTS = [200, 1_200] as const;
const LIST_CONNECTIONS = 16;
export const PEER_CONNECTIONS = 16;

const CALL = { method: 'POST', path: '/mcp', headers: HEADERS, expect: 'ready to be given back' };
const LIST_BODY = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

function callBody(name: string): string {
  return JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: { text: `${'x'.repeat(180)} ready to be given back` } },
  });
}

/** The servers behind the gateway under test, and that gateway. */
export interface Stage {
  readonly upstream: Started;
  readonly gateway: Started;
}

/** Starts the servers and the gateway. `track` ends the gateway with the run. */
export async function setUp(folder: string, start: Start, track: (started: Started) => void): Promise<Stage> {
  const upstream = await start(LOAD, [join(HERE, 'echo-http.ts')]);
  const servers: Record<string, unknown> = {
    http: { transport: 'http', url: `http://127.0.0.1:${upstream.port}/mcp` },
  };
  for (const tools of LISTS) {
    const { port } = await start(LOAD, [join(HERE, 'echo-http.ts')], { BENCH_TOOLS: String(tools) });
    servers[`list${tools}`] = { transport: 'http', url: `http://127.0.0.1:${port}/mcp` };
  }
  const [command, args] = pinned(LOAD, [join(HERE, 'echo-stdio.ts')]);
  servers['stdio'] = { command, args };
  const own = join(folder, 'gateway');
  await mkdir(own);
  const gateway = await startGateway({ folder: own, servers });
  track(gateway);
  // The database is not the process under test; left where it was started, it would take that processor from it.
  moveChildren(gateway.pid, LOAD);
  return { upstream, gateway };
}

/** Calls through Lanport, beside the least that could carry them. */
export async function callCases({ upstream, gateway }: Stage, start: Start): Promise<readonly Case[]> {
  const proxy = await start(UNDER_TEST, [join(HERE, 'baselines/bare-proxy.ts'), String(upstream.port)]);
  const mux = await start(UNDER_TEST, [join(HERE, 'baselines/stdio-mux.ts')]);
  moveChildren(mux.pid, LOAD);
  return CONNECTIONS.flatMap((connections) => {
    const one = (name: string, target: Started, tool: string, against?: string): Case => ({
      name: `${name}, ${connections} conn.`,
      target,
      against: against === undefined ? undefined : `${against}, ${connections} conn.`,
      job: { ...CALL, body: callBody(tool), port: target.port, connections },
      results: [],
    });
    return [
      one('(a) direct to the upstream', upstream, 'echo'),
      one('(b) bare proxy', proxy, 'echo'),
      one('(c) Lanport, HTTP upstream', gateway, 'http-echo', '(b) bare proxy'),
      one('    stdio multiplexer', mux, 'echo'),
      one('(d) Lanport, stdio upstream', gateway, 'stdio-echo', '    stdio multiplexer'),
    ];
  });
}

/** Lists from Lanport, each beside a server of a static file with the same bytes. */
export async function listCases(folder: string, { gateway }: Stage, start: Start): Promise<readonly Case[]> {
  const cases: Case[] = [];
  for (const tools of LISTS) {
    const path = `/list${tools}/mcp`;
    const listed = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
      method: 'POST',
      headers: HEADERS,
      body: LIST_BODY,
    });
    const file = join(folder, `list${tools}.json`);
    await writeFile(file, await listed.text());
    const { length } = await readFile(file);
    const files = await start(UNDER_TEST, [join(HERE, 'baselines/static-file.ts'), file]);
    const job = {
      ...CALL,
      expect: `tool_${String(tools - 1).padStart(4, '0')}`,
      body: LIST_BODY,
      path,
      connections: LIST_CONNECTIONS,
    };
    const baseline = `    static file of ${tools} tools, ${length} bytes`;
    cases.push({
      name: baseline,
      target: files,
      against: undefined,
      job: { ...job, port: files.port },
      results: [],
    });
    cases.push({
      name: `(e) Lanport, tools/list of ${tools}`,
      target: gateway,
      against: baseline,
      job: { ...job, port: gateway.port },
      results: [],
    });
  }
  return cases;
}

/** The peers' calls over stdio, or why there are none. */
export async function peerCases(track: (started: Started) => void): Promise<readonly Case[] | string> {
  const peers = await startPeers(track);
  return typeof peers === 'string' ? peers : peers.map(peerCase);
}

function peerCase({ name, process, headers }: Peer): Case {
  return {
    name: `(f) ${name}, stdio upstream, ${PEER_CONNECTIONS} conn.`,
    target: process,
    against: `    stdio multiplexer, ${PEER_CONNECTIONS} conn.`,
    job: {
      ...CALL,
      headers,
      body: callBody('echo'),
      port: process.port,
      connections: PEER_CONNECTIONS,
    },
    results: [],
  };
}
