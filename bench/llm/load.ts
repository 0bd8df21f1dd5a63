// The load of streamed answers: a closed loop on raw sockets, in a process of its own. Reads one StreamJob as JSON from argv[2], prints one
// StreamLoad as JSON.
import { connect, type Socket } from 'node:net';
import { percentile } from '../statistics.ts';
import { TIME_DIGITS, TIME_MARK } from './answers.ts';
import type { StreamJob, StreamLoad } from './stream-job.ts';

const job = JSON.parse(process.argv[2]!) as StreamJob;
const READ_BYTES = 256 * 1024;
/** Delays of the first moments, while all connect at once, do not count. */
const SETTLE_MS = 1_000;
const LAST = '\n0\r\n\r\n';
const DATA = Buffer.from('data:');
const MARK = TIME_MARK.charCodeAt(0);
const ZERO = 0x30;

const request = ((): Buffer => {
  const head = Object.entries({
    ...job.headers,
    host: `127.0.0.1:${job.port}`,
    'content-length': String(Buffer.byteLength(job.body)),
  });
  return Buffer.from(
    `POST ${job.path} HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${job.body}`,
  );
})();
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);
const firstsMs: number[] = [];
const delaysUs: number[] = [];
const startedMs = performance.now();
let responses = 0;
let failures = 0;
let begun = 0;
let stopped = false;

function nowUs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1_000);
}

/** Notes how old each event is whose time is whole in these bytes. */
function noteDelays(bytes: Buffer): void {
  const now = nowUs();
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + TIME_DIGITS)) {
    if (at + TIME_DIGITS >= bytes.length) return;
    let time = 0;
    for (let digit = at + 1; digit <= at + TIME_DIGITS; digit++) time = time * 10 + (bytes[digit]! - ZERO);
    delaysUs.push(now - time);
  }
}

function occurrences(text: string, part: string): number {
  let count = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++;
  return count;
}

function run(): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    let hasFirst = false;
    let tail = '';
    /** The first response is kept and looked through; of the others only the end is. */
    let whole: string | undefined = '';
    let isOver = false;
    const next = (): void => {
      if (stopped || begun === job.responsesMax) {
        isOver = true;
        socket.destroy();
        resolve();
        return;
      }
      begun++;
      hasFirst = false;
      tail = '';
      sentAt = performance.now();
      socket.write(request);
    };
    const take = (bytes: Buffer): void => {
      if (!hasFirst && bytes.includes(DATA)) {
        hasFirst = true;
        firstsMs.push(performance.now() - sentAt);
      }
      if (job.hasTimes && performance.now() - startedMs > SETTLE_MS) noteDelays(bytes);
      if (whole !== undefined) whole += bytes.toString('latin1');
      const last = bytes.toString('latin1', Math.max(0, bytes.length - LAST.length));
      tail = last.length === LAST.length ? last : (tail + last).slice(-LAST.length);
      if (tail !== LAST) return;
      responses++;
      if (whole !== undefined) {
        const isRight =
          whole.startsWith('HTTP/1.1 200') &&
          whole.includes(job.expectEnd) &&
          occurrences(whole, job.expectEach) === job.events;
        if (!isRight) {
          failures++;
          process.stderr.write(`${whole.slice(0, 800)}\n…\n${whole.slice(-800)}\n`);
        }
        whole = undefined;
      }
      next();
    };
    const socket: Socket = connect(
      {
        port: job.port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer: readBuffer,
          callback: (bytes) => {
            take(readBuffer.subarray(0, bytes));
            return true;
          },
        },
      },
      () => next(),
    );
    socket.on('error', reject);
    socket.on('close', () => {
      if (!isOver) reject(new Error('the connection was closed before the answer was whole'));
    });
  });
}

setTimeout(() => {
  stopped = true;
}, job.seconds * 1_000).unref();
await Promise.all(Array.from({ length: job.connections }, run));
firstsMs.sort((a, b) => a - b);
const delays = Float64Array.from(delaysUs).sort();
const at = (values: ArrayLike<number>, share: number): number =>
  values.length === 0 ? 0 : percentile(values, share);
const load: StreamLoad = {
  responses,
  failures,
  seconds: (performance.now() - startedMs) / 1_000,
  firstP50Us: at(firstsMs, 0.5) * 1_000,
  delayP50Us: at(delays, 0.5),
  delayP99Us: at(delays, 0.99),
  delayMaxUs: at(delays, 1),
};
process.stdout.write(JSON.stringify(load));
