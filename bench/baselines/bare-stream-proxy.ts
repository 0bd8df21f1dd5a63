// The yardstick of streams: the request in by node:http, the bytes of the answer's chunks back as they come, framing included; nothing is
// looked at but where the answer ends. argv[2] is the upstream's port.
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

const upstream = Number(process.argv[2]);
const HEAD_END = Buffer.from('\r\n\r\n');
const LAST = Buffer.from('0\r\n\r\n');
/** Bytes that may end in the midst of the last chunk; they wait for the next ones. */
const CUT = /0(?:\r(?:\n\r?)?)?$/;

class Upstream {
  readonly socket: Socket;
  #response: ServerResponse | undefined;
  #hasHead = false;
  #held: Buffer | undefined;

  constructor() {
    this.socket = connect({ port: upstream, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk: Buffer) => this.#data(chunk));
    this.socket.on('error', () => this.socket.destroy());
  }

  start(response: ServerResponse, message: Buffer): void {
    this.#response = response;
    this.#hasHead = false;
    this.socket.write(message);
  }

  #data(chunk: Buffer): void {
    const response = this.#response!;
    let bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    if (!this.#hasHead) {
      this.#hasHead = true;
      response.writeHead(200, { 'content-type': 'text/event-stream', 'transfer-encoding': 'chunked' });
      response.flushHeaders();
      bytes = bytes.subarray(bytes.indexOf(HEAD_END) + HEAD_END.length);
    }
    if (CUT.test(bytes.toString('latin1', Math.max(0, bytes.length - 4)))) {
      this.#held = bytes;
      return;
    }
    const isLast = bytes.length >= LAST.length && bytes.subarray(-LAST.length).equals(LAST);
    const rest = isLast ? bytes.subarray(0, -LAST.length) : bytes;
    if (rest.length > 0) response.socket!.write(rest);
    if (!isLast) return;
    response.end();
    idle.push(this);
  }
}

const idle: Upstream[] = [];

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    const head = Buffer.from(
      `POST ${request.url} HTTP/1.1\r\nHost: 127.0.0.1:${upstream}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n`,
      'latin1',
    );
    (idle.pop() ?? new Upstream()).start(response, Buffer.concat([head, body]));
  });
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`),
);
