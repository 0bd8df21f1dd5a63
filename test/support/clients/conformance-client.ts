// The client that the official conformance suite drives: it speaks in raw lines with `lanport stdio`, whose HTTP side the suite judges.
import { handshake, type LineClient, type Reply, startCommand } from './stdio-clients.ts';

const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? '';
const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as {
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: unknown }[];
};
const modern = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] === '2026-07-28';

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'lanport-test', version: '1.0.0' },
};

const VERSION_UNSUPPORTED = -32022;

let id = 0;

/** One request in the era of the run; its result. */
async function ask(
  client: LineClient,
  method: string,
  params: Record<string, unknown> = {},
): Promise<Result> {
  const send = (): Promise<Reply> =>
    client.request(++id, method, modern ? { ...params, _meta: META } : params);
  let reply = await send();
  // One scenario refuses the revision at first, to see the client try one that is supported.
  if (reply.error?.code === VERSION_UNSUPPORTED) reply = await send();
  if (reply.error !== undefined) throw new Error(`${method}: ${reply.error.message}`);
  return reply.result as Result;
}

interface Named {
  readonly name: string;
  readonly uri?: string;
}

interface Result {
  readonly tools?: readonly Named[];
  readonly resources?: readonly Named[];
  readonly prompts?: readonly Named[];
}

/** Accepts an elicitation with the defaults of its schema. */
async function acceptDefaults(client: LineClient): Promise<void> {
  const request = await client.message<{
    id: string | number;
    method?: string;
    params: { requestedSchema: { properties: Record<string, { default?: unknown }> } };
  }>((one) => one.method === 'elicitation/create');
  const content = Object.fromEntries(
    Object.entries(request.params.requestedSchema.properties)
      .filter(([, property]) => property.default !== undefined)
      .map(([name, property]) => [name, property.default]),
  );
  client.write({ jsonrpc: '2.0', id: request.id, result: { action: 'accept', content } });
}

await using client = startCommand(['stdio', '--url', process.argv.at(-1)!]);
if (!modern) await handshake(client);
const { tools = [] } = await ask(client, 'tools/list');
switch (scenario) {
  // The server of the latter has no tools.
  case 'initialize':
  case 'request-metadata':
    break;
  case 'elicitation-sep1034-client-defaults':
    await Promise.all([
      acceptDefaults(client),
      ask(client, 'tools/call', { name: tools[0]!.name, arguments: {} }),
    ]);
    break;
  case 'http-custom-headers':
    for (const call of context.toolCalls ?? []) await ask(client, 'tools/call', { ...call });
    break;
  case 'http-standard-headers': {
    await ask(client, 'tools/call', { name: tools[0]!.name, arguments: {} });
    const { resources = [] } = await ask(client, 'resources/list');
    await ask(client, 'resources/read', { uri: resources[0]!.uri });
    const { prompts = [] } = await ask(client, 'prompts/list');
    await ask(client, 'prompts/get', { name: prompts[0]!.name });
    break;
  }
  default:
    await ask(client, 'tools/call', { name: tools[0]!.name, arguments: { a: 5, b: 3 } });
}
const code = await client.end();
if (code !== 0) throw new Error(`lanport stdio ended with ${String(code)}`);
