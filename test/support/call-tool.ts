import type { InProcessServer } from '../../src/mcp/mcp-ports.ts';

/** A tool's result, taken apart. */
export interface CalledTool {
  readonly isError: boolean;
  readonly text: string;
  readonly structured: Readonly<Record<string, unknown>>;
}

/** Calls a tool of a server inside this process, as a legacy client does. Rejects with a JSON-RPC error's message. */
export async function callTool(
  server: InProcessServer,
  name: string,
  args: Readonly<Record<string, unknown>>,
  signal: AbortSignal = new AbortController().signal,
): Promise<CalledTool> {
  const request = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } };
  const answer = await server.handle(Buffer.from(JSON.stringify(request)), signal);
  const { result, error } = JSON.parse(Buffer.from(answer ?? []).toString()) as {
    readonly result?: {
      readonly content: readonly { readonly text: string }[];
      readonly structuredContent?: Readonly<Record<string, unknown>>;
      readonly isError?: boolean;
    };
    readonly error?: { readonly message: string };
  };
  if (result === undefined) throw new Error(error?.message ?? 'no answer');
  return {
    isError: result.isError === true,
    text: result.content.map((block) => block.text).join('\n'),
    structured: result.structuredContent ?? {},
  };
}
