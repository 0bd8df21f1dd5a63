// A strict server of the first revision, written by hand: it ends at any request before `initialize`, as some servers do, and its
// structured answer has numbers that no double can hold.
import { createInterface } from 'node:readline';
import { callTool, TOOLS } from './tools.ts';

const BIG =
  '{"content":[{"type":"hologram","depth":12345678901234567890123},{"type":"text","text":"{}"}],"structuredContent":{"rows":[9007199254740993,1e400,-0.10]},"_meta":{"example.com/trace":"kept"},"unknownField":[1,{"a":null}]}';

let initialised = false;
const send = (text: string): void => void process.stdout.write(`${text}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as {
    id?: number;
    method: string;
    params?: { name: string; arguments?: Record<string, unknown> };
  };
  if (message.method === 'initialize') {
    initialised = true;
    send(
      JSON.stringify({
        jsonrpc: '2.0',
        id: message.id,
        result: {
          protocolVersion: '2024-11-05',
          capabilities: { tools: {} },
          serverInfo: { name: 'stdio-2024', version: '1' },
        },
      }),
    );
  } else if (!initialised) process.exit(3);
  else if (message.method === 'tools/list')
    send(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { tools: TOOLS } }));
  else if (message.method === 'tools/call' && message.params?.name === 'structured')
    send(`{"jsonrpc":"2.0","id":${message.id},"result":${BIG}}`);
  else if (message.method === 'tools/call')
    send(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: callTool(message.params!) }));
  else if (message.id !== undefined)
    send(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'unknown' } }));
}
