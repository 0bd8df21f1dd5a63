// The yardstick: bytes in by node:http, bytes out by a minimal keep-alive HTTP/1.1 client on node:net; nothing is parsed beyond the
// upstream's Content-Length. argv[2] is the upstream's port.
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

const upstream = Number(process.argv[2]);

class Upstream {
  readonly socket: Socket;
  response: ServerResponse | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;
  #needed = 0;
  #bodyStart = 0;

  constructor() {
    this.socket = connect({ port: upstream, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk: Buffer) => this.#data(chunk));
    this.socket.on('error', () => this.socket.destroy());
  }

  #data(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const all = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    if (this.#needed === 0) {
      const headEnd = all.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      this.#bodyStart = headEnd + 4;
      this.#needed =
        this.#bodyStart + Number(/content-length: (\d+)/i.exec(all.toString('latin1', 0, headEnd))?.[1]);
      if (this.#bytes < this.#needed) return;
    }
    const body = all.subarray(this.#bodyStart);
    this.#parts = [];
    this.#bytes = 0;
    this.#needed = 0;
    const response = this.response!;
    this.response = undefined;
    idle.push(this);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  }
}

const idle: Upstream[] = [];

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    const connection = idle.pop() ?? new Upstream();
    connection.response = response;
    const head = Buffer.from(
      `POST ${request.url} HTTP/1.1\r\nHost: 127.0.0.1:${upstream}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n`,
      'latin1',
    );
    connection.socket.write(Buffer.concat([head, body]));
  });
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`),
);
