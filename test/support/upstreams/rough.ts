// A stdio server that does what stdio servers do: it prints text among its messages, cuts them anywhere, floods stderr, starts programs of
// its own, and dies when it is told to.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function send(id: unknown, result: unknown): Promise<void> {
  const line = Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\r\n`);
  // In the middle of characters, too.
  for (let at = 0; at < line.length; at += 7) {
    process.stdout.write(line.subarray(at, at + 7));
    await pause();
  }
}

process.stdout.write('Starting up, please wait...\n\n{"level":"info","msg":"not a message"}\n');
process.stderr.write('noise\n'.repeat(500_000));

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as {
    id?: number;
    method: string;
    params?: { name?: string; protocolVersion?: string };
  };
  if (method === 'initialize')
    await send(id, {
      protocolVersion: params?.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'rough', version: '1' },
    });
  else if (method === 'tools/list')
    await send(id, {
      tools: ['facts', 'die', 'child'].map((name) => ({
        name,
        description: 'grüße 世界 🙂',
        inputSchema: { type: 'object' },
      })),
    });
  else if (method === 'tools/call') {
    if (params?.name === 'die') process.exit(9);
    const child =
      params?.name === 'child'
        ? spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
        : undefined;
    const facts = {
      args: process.argv.slice(2),
      env: process.env,
      pid: process.pid,
      child: child?.pid,
      text: 'grüße 世界 🙂',
    };
    await send(id, { content: [{ type: 'text', text: JSON.stringify(facts) }] });
  } else if (id !== undefined)
    process.stdout.write(
      `${JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } })}\n`,
    );
}
