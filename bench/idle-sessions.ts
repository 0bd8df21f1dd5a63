// Opens sessions with a GET stream each and keeps them open. Reads { port, headers, sessions } as JSON from argv[2].
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';

const { port, headers, sessions } = JSON.parse(process.argv[2]!) as {
  port: number;
  headers: Record<string, string>;
  sessions: number;
};
const AT_ONCE = 50;
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'bench', version: '1' } },
});

async function exchange(
  method: string,
  more: Record<string, string>,
  body: string | undefined,
): Promise<IncomingMessage> {
  const sent = request({
    port,
    host: '127.0.0.1',
    path: '/mcp',
    method,
    headers: { ...headers, ...more },
    ...(body === undefined ? { agent: false as const } : { agent }),
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${method} was answered with ${response.statusCode}`);
  return response;
}

async function open(): Promise<void> {
  const opened = await exchange('POST', {}, INITIALIZE);
  opened.resume();
  await once(opened, 'end');
  const stream = await exchange(
    'GET',
    { 'mcp-session-id': String(opened.headers['mcp-session-id']) },
    undefined,
  );
  stream.resume();
}

for (let at = 0; at < sessions; at += AT_ONCE)
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, sessions - at) }, open));
agent.destroy();
process.stdout.write(`ready ${sessions}\n`);
