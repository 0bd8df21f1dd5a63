import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { listen } from './listen.ts';
import { sdkServer } from './sdk-server.ts';

const transports = new Map<string, SSEServerTransport>();

listen(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (request.method === 'GET' && url.pathname === '/sse') {
    const transport = new SSEServerTransport('/messages', response);
    transports.set(transport.sessionId, transport);
    response.on('close', () => transports.delete(transport.sessionId));
    const server = sdkServer('http-sse');
    await server.connect(transport);
    return;
  }
  const transport = transports.get(url.searchParams.get('sessionId') ?? '');
  if (request.method === 'POST' && url.pathname === '/messages' && transport !== undefined)
    await transport.handlePostMessage(request, response);
  else response.writeHead(url.pathname === '/sse' ? 405 : 404).end();
});
