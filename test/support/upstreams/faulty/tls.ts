// A good server behind TLS; argv[2] names its certificate in test/support/certificates; with argv[3] it offers only versions
// that nobody takes any more.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, Server } from '@modelcontextprotocol/server';
import { type CallParams, callTool, TOOLS } from '../tools.ts';

const OLD = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
const pem = readFileSync(join(import.meta.dirname, '../../certificates', `${process.argv[2] ?? ''}.pem`));
const handler = createMcpHandler(() => {
  const server = new Server({ name: 'tls', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({ tools: TOOLS }));
  server.setRequestHandler('tools/call', ({ params }) => callTool(params as CallParams) as never);
  return server;
});
const server = createServer(
  { key: pem, cert: pem, ...(process.argv[3] === 'old' ? OLD : {}) },
  toNodeHandler(handler) as Parameters<typeof createServer>[1],
);
server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () =>
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`),
);
