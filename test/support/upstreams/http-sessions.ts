import { randomUUID } from 'node:crypto';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { bodyOf, listen } from './listen.ts';
import { sdkServer } from './sdk-server.ts';

const sessions = new Map<string, StreamableHTTPServerTransport>();

listen(async (request, response) => {
  const text = await bodyOf(request);
  const id = request.headers['mcp-session-id'];
  let transport = typeof id === 'string' ? sessions.get(id) : undefined;
  if (transport === undefined && id !== undefined) {
    response
      .writeHead(404, { 'content-type': 'application/json' })
      .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}');
    return;
  }
  if (transport === undefined) {
    const created = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (sessionId) => void sessions.set(sessionId, created),
    });
    await sdkServer('http-sessions').connect(created);
    transport = created;
  }
  await transport.handleRequest(request, response, text === '' ? undefined : JSON.parse(text));
});
