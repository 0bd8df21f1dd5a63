// Programs that are wrong in one way as a stdio server; argv[2] says which.
import { createInterface } from 'node:readline';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { sdkServer } from '../sdk-server.ts';

const serve = (): Promise<void> => sdkServer('faulty').connect(new StdioServerTransport());

/** Answers requests, a line each, from a table. */
const answer = (results: Readonly<Record<string, unknown>>): void => {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, method } = JSON.parse(line) as { id?: number; method: string };
    if (id === undefined) return;
    const result = results[method];
    const rest = result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result };
    process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...rest })}\n`);
  });
};

const handshake = (protocolVersion: string): unknown => ({
  protocolVersion,
  capabilities: { tools: {} },
  serverInfo: { name: 'faulty', version: '1' },
});

switch (process.argv[2]) {
  case 'noise':
    process.stdout.write('Listening for messages ...\n');
    await serve();
    break;
  case 'text':
    process.stdout.write('usage: tool [--mcp] FILE\n');
    process.stdin.resume();
    break;
  case 'hang':
    process.stdin.resume();
    break;
  case 'die':
    process.stderr.write('Traceback: the licence file is not readable\n');
    process.exit(7);
    break;
  case 'variable':
    if (process.env['SHOP_API_TOKEN'] === undefined) {
      process.stderr.write('Error: SHOP_API_TOKEN is required\n');
      process.exit(1);
    }
    await serve();
    break;
  case 'leak':
    process.stderr.write(`cannot log in with ${process.env['SHOP_API_TOKEN'] ?? ''}\n`);
    process.exit(1);
    break;
  case 'web':
    process.stderr.write('INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)\n');
    process.stdin.resume();
    break;
  case 'revision':
    answer({ initialize: handshake('2019-01-01') });
    break;
  case 'no-tools':
    answer({ initialize: handshake('2025-06-18'), 'tools/list': { tools: [] } });
    break;
  default:
    throw new Error(`no such way to be wrong: ${process.argv[2]}`);
}
