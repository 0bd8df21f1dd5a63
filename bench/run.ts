// npm run bench: what the gateway costs, beside what the least costs that could do the same work. One run, interleaved repeats.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { HEADERS, startGateway } from './gateway.ts';
import { cpuTimeUs, type Measurement, measured, peakMemoryMib } from './measure.ts';
import { measureMemory, memoryReport } from './memory.ts';
import { startPeers } from './peers.ts';
import {
  drive,
  PINNED,
  pinned,
  readyLine,
  type Started,
  startProcess,
  LOAD,
  UNDER_TEST,
  moveChildren,
} from './processes.ts';
import { peersReport, report, type Row } from './report.ts';
import { median } from './statistics.ts';

const HERE = import.meta.dirname;
const quick = process.argv.includes('--quick');
const REPEATS = quick ? 3 : 5;
const SECONDS = quick ? 1 : 3;
const WARM_UP_SECONDS = 2;
const CONNECTIONS = [1, 16, 64] as const;
const LISTS = [200, 1_200] as const;
const LIST_CONNECTIONS = 16;
const PEER_CONNECTIONS = 16;

const CALL = {
  method: 'POST',
  path: '/mcp',
  headers: HEADERS,
  expect: 'ready to be given back',
};
const callBody = (name: string): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: { text: `${'x'.repeat(180)} ready to be given back` } },
  });
const LIST_BODY = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';

interface Case {
  readonly name: string;
  readonly target: Started;
  readonly job: Readonly<Record<string, unknown>>;
  readonly connections: number;
  /** Name of the case that it is compared with. */
  readonly against: string | undefined;
  readonly results: Measurement[];
}

const folder = await mkdtemp(join(tmpdir(), 'lanport-bench-'));
const started: Started[] = [];
const start = async (
  processor: string,
  args: readonly string[],
  portOf = readyLine,
  env: Readonly<Record<string, string>> = {},
): Promise<Started> => {
  const one = await startProcess(processor, args, portOf, env);
  started.push(one);
  return one;
};

try {
  const upstream = await start(LOAD, [join(HERE, 'echo-http.ts')]);
  const listServers: Record<string, unknown> = {};
  for (const tools of LISTS) {
    const env = { BENCH_TOOLS: String(tools) };
    const { port } = await start(LOAD, [join(HERE, 'echo-http.ts')], readyLine, env);
    listServers[`list${tools}`] = { transport: 'http', url: `http://127.0.0.1:${port}/mcp` };
  }
  const [command, args] = pinned(LOAD, [join(HERE, 'echo-stdio.ts')]);
  const own = join(folder, 'gateway');
  await mkdir(own);
  const gateway = await startGateway({
    folder: own,
    servers: {
      http: { transport: 'http', url: `http://127.0.0.1:${upstream.port}/mcp` },
      stdio: { command, args },
      ...listServers,
    },
  });
  started.push(gateway);
  // The database is not the process under test; left where it was started, it would take that processor from it.
  moveChildren(gateway.pid, LOAD);
  const proxy = await start(UNDER_TEST, [join(HERE, 'baselines/bare-proxy.ts'), String(upstream.port)]);
  const mux = await start(UNDER_TEST, [join(HERE, 'baselines/stdio-mux.ts')]);
  const peers = await startPeers(join(folder, 'peers'), (one) => started.push(one));

  const cases: Case[] = [];
  for (const connections of CONNECTIONS) {
    const add = (
      name: string,
      target: Started,
      against: string | undefined,
      more: Readonly<Record<string, unknown>>,
    ): void => {
      cases.push({
        name: `${name}, ${connections} conn.`,
        target,
        connections,
        against: against === undefined ? undefined : `${against}, ${connections} conn.`,
        job: { ...CALL, ...more, port: target.port, connections },
        results: [],
      });
    };
    add('(a) direct to the upstream', upstream, undefined, { body: callBody('echo') });
    add('(b) bare proxy', proxy, undefined, { body: callBody('echo') });
    add('(c) Lanport, HTTP upstream', gateway, '(b) bare proxy', { body: callBody('http-echo') });
    add('    stdio multiplexer', mux, undefined, { body: callBody('echo') });
    add('(d) Lanport, stdio upstream', gateway, '    stdio multiplexer', { body: callBody('stdio-echo') });
  }
  let listBytes = '';
  for (const tools of LISTS) {
    const path = `/list${tools}/mcp`;
    const listed = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
      method: 'POST',
      headers: CALL.headers,
      body: LIST_BODY,
    });
    const file = join(folder, `list${tools}.json`);
    await writeFile(file, await listed.text());
    listBytes += `${listBytes === '' ? '' : ' and '}${(await readFile(file)).length}`;
    const files = await start(UNDER_TEST, [join(HERE, 'baselines/static-file.ts'), file]);
    const job = {
      ...CALL,
      expect: `tool_${String(tools - 1).padStart(4, '0')}`,
      body: LIST_BODY,
      path,
      connections: LIST_CONNECTIONS,
    };
    const baseline = `    static file of ${tools} tools`;
    cases.push({
      name: baseline,
      target: files,
      connections: LIST_CONNECTIONS,
      against: undefined,
      job: { ...job, port: files.port },
      results: [],
    });
    cases.push({
      name: `(e) Lanport, tools/list of ${tools}`,
      target: gateway,
      connections: LIST_CONNECTIONS,
      against: baseline,
      job: { ...job, port: gateway.port },
      results: [],
    });
  }
  for (const peer of typeof peers === 'string' ? [] : peers) {
    cases.push({
      name: `(f) ${peer.name}, stdio upstream, ${PEER_CONNECTIONS} conn.`,
      target: peer.process,
      connections: PEER_CONNECTIONS,
      against: `    stdio multiplexer, ${PEER_CONNECTIONS} conn.`,
      job: {
        ...CALL,
        headers: peer.headers,
        body: callBody('echo'),
        port: peer.process.port,
        connections: PEER_CONNECTIONS,
      },
      results: [],
    });
  }

  const loadBefore = loadavg()[0] ?? 0;
  for (const one of cases) await drive(join(HERE, 'driver.ts'), { ...one.job, seconds: WARM_UP_SECONDS });
  for (let repeat = 1; repeat <= REPEATS; repeat++) {
    for (const one of cases) {
      const before = cpuTimeUs(one.target.pid);
      const load = await drive(join(HERE, 'driver.ts'), { ...one.job, seconds: SECONDS });
      one.results.push(measured(one.name, load, cpuTimeUs(one.target.pid) - before));
    }
    process.stderr.write(`repeat ${repeat} of ${REPEATS}\n`);
  }

  const rows: Row[] = cases.map((one) => {
    const baseline = cases.find((other) => other.name === one.against);
    const middle = (of: (result: Measurement) => number, from = one): number => median(from.results.map(of));
    return {
      name: one.name,
      requestsPerSecond: middle((result) => result.requestsPerSecond),
      cpuUs: middle((result) => result.cpuUs),
      cpuUsMin: Math.min(...one.results.map((result) => result.cpuUs)),
      p50Us: middle((result) => result.p50Us),
      p99Us: middle((result) => result.p99Us),
      peakMib: peakMemoryMib(one.target.pid),
      ratio:
        baseline === undefined
          ? undefined
          : middle((result) => result.cpuUs) / middle((result) => result.cpuUs, baseline),
      rates: one.results.map((result) => result.requestsPerSecond),
    };
  });
  const memory = await measureMemory(folder);
  const text = report(rows, {
    date: new Date().toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}`,
    load: `load average before ${loadBefore.toFixed(2)}, after ${(loadavg()[0] ?? 0).toFixed(2)}`,
    how: `${REPEATS} interleaved repeats of ${SECONDS} s after a warm-up of ${WARM_UP_SECONDS} s; medians; ${PINNED ? 'the process under test on one processor, load and upstream on the other' : 'not pinned'}; the lists have ${listBytes} bytes`,
    sections: [memoryReport(memory), peersReport(rows, peers)],
  });
  process.stdout.write(text);
  if (!quick) {
    const name = join(HERE, 'results', new Date().toISOString().slice(0, 10));
    await writeFile(`${name}.md`, text);
    await writeFile(`${name}.json`, `${JSON.stringify({ rows, memory }, null, 2)}\n`);
  }
} finally {
  for (const one of started.reverse()) await one[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}
