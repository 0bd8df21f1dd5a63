// An MCP server over streamable HTTP that does as little as can be. BENCH_TOOL_MS: how long a call takes it, in milliseconds.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer } from './echo-tool.ts';

const toolMs = Number(process.env['BENCH_TOOL_MS'] ?? 0);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const text = request.method === 'POST' ? answer(Buffer.concat(chunks).toString()) : undefined;
    if (text === undefined)
      response.writeHead(request.method === 'POST' ? 202 : 405, { 'content-length': 0 }).end();
    else {
      const send = (): void =>
        void response
          .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
          .end(text);
      if (toolMs > 0) setTimeout(send, toolMs);
      else send();
    }
  });
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`),
);
