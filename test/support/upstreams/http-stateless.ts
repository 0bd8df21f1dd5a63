import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { bodyOf, listen } from './listen.ts';
import { sdkServer } from './sdk-server.ts';

listen(async (request, response) => {
  const text = await bodyOf(request);
  if (request.method !== 'POST') {
    response.writeHead(405, { allow: 'POST' }).end();
    return;
  }
  const transport = new StreamableHTTPServerTransport({
    enableJsonResponse: true,
    sessionIdGenerator: undefined,
  } as unknown as ConstructorParameters<typeof StreamableHTTPServerTransport>[0]);
  const server = sdkServer('http-stateless');
  await server.connect(transport);
  response.on('close', () => void server.close());
  await transport.handleRequest(request, response, JSON.parse(text));
});
