// A minimal multiplexer over one stdio child, written by hand: JSON in by node:http, its id swapped, one line to the child, the line
// back with the old id.
import { spawn } from 'node:child_process';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'echo-stdio.ts')], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const waiting = new Map<number, { readonly id: unknown; readonly response: ServerResponse }>();
let nextId = 0;
let rest = '';

child.stdout.setEncoding('utf8');
child.stdout.on('data', (chunk: string) => {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop()!;
  for (const line of lines) {
    const message = JSON.parse(line) as { id: number };
    const one = waiting.get(message.id);
    if (one === undefined) continue;
    waiting.delete(message.id);
    const body = JSON.stringify({ ...message, id: one.id });
    one.response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    one.response.end(body);
  }
});

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const message = JSON.parse(Buffer.concat(chunks).toString()) as { id: unknown };
    const id = ++nextId;
    waiting.set(id, { id: message.id, response });
    child.stdin.write(`${JSON.stringify({ ...message, id })}\n`);
  });
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`),
);
