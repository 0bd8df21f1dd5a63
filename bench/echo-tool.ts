/** The upstream of the benchmark: one tool that gives its text back, and as many others as a list shall have. */
const tools = Array.from({ length: Number(process.env['BENCH_TOOLS'] ?? 1) }, (_value, at) => ({
  name: at === 0 ? 'echo' : `tool_${String(at).padStart(4, '0')}`,
  description:
    'Gives back its text. The description is about as long as those that tools usually have, so that a list has a natural size.',
  inputSchema: {
    type: 'object',
    properties: { text: { type: 'string', description: 'What to give back.' } },
    required: ['text'],
  },
  annotations: { readOnlyHint: true },
}));

interface Message {
  readonly id?: number | string;
  readonly method: string;
  readonly params?: {
    readonly arguments?: { readonly text?: string; readonly bytes?: number };
    readonly protocolVersion?: string;
  };
}

/** The answer to one message; `undefined` for a notification. */
export function answer(text: string): string | undefined {
  const { id, method, params } = JSON.parse(text) as Message;
  if (id === undefined) return undefined;
  const reply = (result: unknown): string => JSON.stringify({ jsonrpc: '2.0', id, result });
  switch (method) {
    case 'tools/call':
      return reply({
        content: [
          { type: 'text', text: params?.arguments?.text ?? 'x'.repeat(params?.arguments?.bytes ?? 0) },
        ],
      });
    case 'tools/list':
      return reply({ tools });
    case 'initialize':
      return reply({
        protocolVersion: '2025-06-18',
        capabilities: { tools: {} },
        serverInfo: { name: 'echo', version: '1' },
      });
    default:
      return JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32601, message: 'unknown' } });
  }
}
