// Calls at a steady rate, whether the ones before are answered or not: a latency is counted from the moment at which its call was due, so that
// waiting for a slow one counts too. In a process of its own. Reads one job as JSON from argv[2], prints one Load as JSON.
import { Agent, request } from 'node:http';
import { scheduleInRealTime } from '../../src/net/realtime.ts';
import { percentile } from '../statistics.ts';

interface Job {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Text that a right answer contains. */
  readonly expect: string;
  readonly ratePerSecond: number;
  readonly seconds: number;
  /** Before those: calls that do not count, for what this process still has to compile and connect. */
  readonly warmUpSeconds: number;
  /** Whether this process is to go before ordinary ones. */
  readonly isRealTime: boolean;
}

const job = JSON.parse(process.argv[2]!) as Job;
if (job.isRealTime) await scheduleInRealTime(process.env['PATH'] ?? '');
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const latencies: number[] = [];
let failures = 0;

function call(dueMs: number, counts: boolean): Promise<void> {
  return new Promise((resolve) => {
    const sent = request(
      { agent, port: job.port, host: '127.0.0.1', method: 'POST', path: job.path, headers: job.headers },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('close', () => {
          if (counts) latencies.push(performance.now() - dueMs);
          if (answer.statusCode !== 200 || !answer.complete || !text.includes(job.expect)) failures++;
          resolve();
        });
      },
    );
    sent.on('error', () => {
      failures++;
      resolve();
    });
    sent.end(job.body);
  });
}

const allSeconds = job.warmUpSeconds + job.seconds;
const startedMs = performance.now();
const calls: Promise<void>[] = [];
await new Promise<void>((resolve) => {
  const timer = setInterval(() => {
    const elapsedS = Math.min((performance.now() - startedMs) / 1_000, allSeconds);
    while (calls.length < elapsedS * job.ratePerSecond) {
      const dueS = calls.length / job.ratePerSecond;
      calls.push(call(startedMs + dueS * 1_000, dueS >= job.warmUpSeconds));
    }
    if (elapsedS < allSeconds) return;
    clearInterval(timer);
    resolve();
  }, 1);
});
await Promise.all(calls);
const seconds = (performance.now() - startedMs) / 1_000;
agent.destroy();
latencies.sort((a, b) => a - b);
const us = (share: number): number => (latencies.length === 0 ? 0 : percentile(latencies, share) * 1_000);
process.stdout.write(
  JSON.stringify({ requests: latencies.length, failures, seconds, p50Us: us(0.5), p99Us: us(0.99) }),
);
