// Makes one call and reads its answer a little at a time. Reads { port, headers, body } as JSON from argv[2], prints the bytes it read.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const { port, headers, body } = JSON.parse(process.argv[2]!) as {
  port: number;
  headers: Record<string, string>;
  body: string;
};
const PAUSE_MS = 5;

const fields = Object.entries({
  ...headers,
  host: `127.0.0.1:${port}`,
  'content-length': String(body.length),
  connection: 'close',
});
const socket = connect({ port, host: '127.0.0.1' });
socket.write(
  `POST /mcp HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
);
let bytes = 0;
for await (const chunk of socket as AsyncIterable<Buffer>) {
  bytes += chunk.length;
  await pause(PAUSE_MS);
}
process.stdout.write(JSON.stringify({ bytes }));
