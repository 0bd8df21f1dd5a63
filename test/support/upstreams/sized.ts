// A server whose tool gives back as much text as it is asked for: on stdio, or over HTTP with plain JSON answers (`http`).
import { createInterface } from 'node:readline';
import { bodyOf, listen } from './listen.ts';

interface Request {
  readonly id?: number;
  readonly method: string;
  readonly params?: { readonly arguments?: { readonly bytes?: number } };
}

const RESULTS: Readonly<Record<string, (params: Request['params']) => object>> = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'sized', version: '1' },
  }),
  'tools/list': () => ({ tools: [{ name: 'sized', inputSchema: { type: 'object' } }] }),
  'tools/call': (params) => ({
    content: [{ type: 'text', text: 'x'.repeat(params?.arguments?.bytes ?? 0) }],
    structuredContent: { pid: process.pid },
  }),
};

/** The answer as JSON text; `undefined` for a notification. */
function answer({ id, method, params }: Request): string | undefined {
  if (id === undefined) return undefined;
  const result = RESULTS[method]?.(params);
  const error = result === undefined ? { code: -32601, message: 'no such method' } : undefined;
  return JSON.stringify({ jsonrpc: '2.0', id, result, error });
}

if (process.argv[2] === 'http') {
  listen(async (request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(405).end();
      return;
    }
    const text = answer(JSON.parse(await bodyOf(request)) as Request);
    response.writeHead(text === undefined ? 202 : 200, { 'content-type': 'application/json' }).end(text);
  });
} else {
  for await (const line of createInterface({ input: process.stdin })) {
    const text = answer(JSON.parse(line) as Request);
    if (text !== undefined) process.stdout.write(`${text}\n`);
  }
}
