import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { collect, collecting } from './collect.ts';
import { HEADERS, startGateway } from './gateway.ts';
import { peakMemoryMib, residentMib } from './measure.ts';
import { LOAD, readyLine, type Started, startProcess } from './processes.ts';

/** What is held in memory for clients, in MiB. */
export interface MemoryResult {
  readonly sessions: number;
  readonly emptyMib: number;
  readonly withSessionsMib: number;
  readonly resultMib: number;
  readonly beforeResultMib: number;
  readonly peakMib: number;
}

const HERE = import.meta.dirname;
const SESSIONS = 1_000;
const RESULT_BYTES = 64 * 1024 * 1024;

/** Measures a gateway of its own, without a database, whose memory would not be the gateway's. */
export async function measureMemory(folder: string): Promise<MemoryResult> {
  const own = join(folder, 'memory');
  await mkdir(own);
  await using upstream = await startProcess(LOAD, [join(HERE, 'echo-http.ts')], readyLine);
  await using gateway = await startGateway({
    folder: own,
    servers: { http: { transport: 'http', url: `http://127.0.0.1:${upstream.port}/mcp` } },
    general: { disable_database: true },
    limits: { upstream_response_bytes_max: RESULT_BYTES * 2 },
    ...(await collecting(own)),
  });
  // Once for whatever is made with the first session.
  await (await holdSessions(gateway, 10))[Symbol.asyncDispose]();
  await collect(gateway, own);
  const emptyMib = residentMib(gateway.pid);
  const held = await holdSessions(gateway, SESSIONS);
  await collect(gateway, own);
  const withSessionsMib = residentMib(gateway.pid);
  await held[Symbol.asyncDispose]();
  await collect(gateway, own);
  const beforeResultMib = residentMib(gateway.pid);
  await writeFile(`/proc/${gateway.pid}/clear_refs`, '5');
  const resultMib = readSlowly(gateway.port) / 2 ** 20;
  return {
    sessions: SESSIONS,
    emptyMib,
    withSessionsMib,
    resultMib,
    beforeResultMib,
    peakMib: peakMemoryMib(gateway.pid),
  };
}

function holdSessions({ port }: Started, sessions: number): Promise<Started> {
  const job = JSON.stringify({ port, headers: HEADERS, sessions });
  return startProcess(LOAD, [join(HERE, 'idle-sessions.ts'), job], readyLine);
}

/** Reads a large result slowly; returns its bytes. Throws when it is not whole. */
function readSlowly(port: number): number {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'http-echo', arguments: { bytes: RESULT_BYTES } },
  });
  const job = JSON.stringify({ port, headers: HEADERS, body });
  const out = execFileSync(process.execPath, [join(HERE, 'slow-reader.ts'), job], { encoding: 'utf8' });
  const { bytes } = JSON.parse(out) as { bytes: number };
  if (bytes < RESULT_BYTES) throw new Error(`only ${bytes} bytes of a result of ${RESULT_BYTES} came`);
  return bytes;
}

/** The figures as Markdown. */
export function memoryReport(result: MemoryResult): string {
  const perSession = ((result.withSessionsMib - result.emptyMib) * 1_024) / result.sessions;
  return [
    '## Memory',
    '',
    `A gateway without a database, garbage collected: ${result.emptyMib.toFixed(0)} MiB resident; with ${result.sessions} idle sessions, each with an open GET stream, ${result.withSessionsMib.toFixed(0)} MiB, which is ${perSession.toFixed(1)} KiB a session.`,
    '',
    `While a slow client reads a result of ${result.resultMib.toFixed(0)} MiB: at most ${result.peakMib.toFixed(0)} MiB resident, from ${result.beforeResultMib.toFixed(0)} MiB before.`,
    '',
  ].join('\n');
}
