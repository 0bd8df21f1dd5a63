// The load: a closed loop on raw sockets, in a process of its own. Reads one job as JSON from argv[2], prints one Load as JSON.
import { connect, type Socket } from 'node:net';
import { percentile } from './statistics.ts';

interface Job {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly method: string;
  readonly body: string;
  /** Text that a right answer contains. */
  readonly expect: string;
  readonly connections: number;
  /** No request is begun after them. */
  readonly seconds: number;
  /** As many requests, and no more. */
  readonly requestsMax?: number;
}

const job = JSON.parse(process.argv[2]!) as Job;
const FIRST_ID = 1_001;

/** The request as a connection sends it: within a session, no two requests under way may have the same id. */
function requestOf(connection: number): Buffer {
  const body = job.body.replace('"id":1,', `"id":${FIRST_ID + connection},`);
  const head = Object.entries({
    ...job.headers,
    host: `127.0.0.1:${job.port}`,
    ...(body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  });
  const fields = head.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`${job.method} ${job.path} HTTP/1.1\r\n${fields}\r\n${body}`);
}

const wanted = Buffer.from(job.expect);
const latencies: number[] = [];
let failures = 0;
let begun = 0;
let stopped = false;

/** Offset just past the response in `bytes`, or 0 when it is not whole. */
function responseEnd(bytes: Buffer): number {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return 0;
  const lines = bytes.toString('latin1', 0, headEnd);
  const length = /content-length: (\d+)/i.exec(lines);
  if (length !== null) {
    const end = headEnd + 4 + Number(length[1]);
    return bytes.length >= end ? end : 0;
  }
  const last = bytes.indexOf('\r\n0\r\n\r\n', headEnd);
  return last < 0 ? 0 : last + 7;
}

function run(_value: unknown, connection: number): Promise<void> {
  const request = requestOf(connection);
  return new Promise((resolve, reject) => {
    let pending: Buffer[] = [];
    let bytes = 0;
    let needed = 0;
    let sentAt = 0;
    const socket: Socket = connect({ port: job.port, host: '127.0.0.1', noDelay: true }, () => next());
    const next = (): void => {
      if (stopped || begun === job.requestsMax) {
        socket.destroy();
        resolve();
        return;
      }
      begun++;
      sentAt = performance.now();
      socket.write(request);
    };
    socket.on('data', (chunk: Buffer) => {
      pending.push(chunk);
      bytes += chunk.length;
      if (bytes < needed) return;
      const all = pending.length === 1 ? chunk : Buffer.concat(pending);
      const end = responseEnd(all);
      if (end === 0) {
        pending = [all];
        const length = /content-length: (\d+)/i.exec(all.toString('latin1', 0, 512));
        if (length !== null) needed = all.indexOf('\r\n\r\n') + 4 + Number(length[1]);
        return;
      }
      latencies.push(performance.now() - sentAt);
      if (!all.toString('latin1', 0, 12).includes(' 200') || all.indexOf(wanted) < 0) failures++;
      pending = [];
      bytes = 0;
      needed = 0;
      next();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection was closed before the answer was whole')));
  });
}

const startedAt = performance.now();
setTimeout(() => {
  stopped = true;
}, job.seconds * 1_000).unref();
await Promise.all(Array.from({ length: job.connections }, run));
const seconds = (performance.now() - startedAt) / 1_000;
latencies.sort((a, b) => a - b);
const us = (share: number): number => (latencies.length === 0 ? 0 : percentile(latencies, share) * 1_000);
process.stdout.write(
  JSON.stringify({ requests: latencies.length, failures, seconds, p50Us: us(0.5), p99Us: us(0.99) }),
);
