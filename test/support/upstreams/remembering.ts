// A stdio server that remembers: its tools `count` its calls, start a `child` of its own, answer and `die`, or `wait` for ever.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const TOOLS = ['count', 'child', 'die', 'wait'].map((name) => ({
  name,
  inputSchema: { type: 'object' },
}));
let calls = 0;

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as {
    id?: number;
    method: string;
    params?: { name?: string; protocolVersion?: string };
  };
  if (id === undefined) continue;
  const say = (answer: object): void =>
    void process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...answer })}\n`);
  if (method === 'initialize')
    say({
      result: {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'remembering', version: '1' },
      },
    });
  else if (method === 'tools/list') say({ result: { tools: TOOLS } });
  else if (method !== 'tools/call') say({ error: { code: -32601, message: 'no' } });
  else if (params?.name !== 'wait') {
    const child =
      params?.name === 'child'
        ? spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
        : undefined;
    const facts = { calls: ++calls, pid: process.pid, child: child?.pid };
    say({ result: { content: [{ type: 'text', text: JSON.stringify(facts) }] } });
    if (params?.name === 'die') process.stdout.end(() => process.exit(9));
  }
}
