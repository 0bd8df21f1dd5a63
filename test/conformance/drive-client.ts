// The client that the conformance suite starts and judges: a gateway whose only server is the suite's, driven by an SDK client from the
// other side. What the suite sees is what the gateway sends. The suite gives the address of its server as the last argument and the
// rest in the environment.
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CreateMessageRequestSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { gatewayOf } from './gateway-of.ts';

/** Shorter than what the suite waits, so that the gateway is ended by us and not left behind. */
const DRIVE_MS = 20_000;
const INFO = { name: 'lanport-conformance', version: '1.0.0' };
const CAPABILITIES = { elicitation: { form: {} }, sampling: {}, roots: {} };

type Args = Record<string, unknown>;

/** A client of either SDK, with what the two have in common. */
interface Driver {
  listTools(): Promise<{ tools: { name: string; inputSchema: object }[] }>;
  callTool(params: { name: string; arguments?: Args }): Promise<unknown>;
  listResources(): Promise<{ resources: { uri: string }[] }>;
  readResource(params: { uri: string }): Promise<unknown>;
  listPrompts(): Promise<{ prompts: { name: string }[] }>;
  getPrompt(params: { name: string }): Promise<unknown>;
  close(): Promise<void>;
}

/** The answer of a user who accepts what is there: the default of each field, and the simplest value where there is none. */
function withDefaults(schema: unknown): Args {
  const { properties = {} } = schema as { properties?: Record<string, { type?: string; default?: unknown }> };
  const simplest: Args = { boolean: true, integer: 1, number: 1, string: 'text', array: [] };
  return Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, field.default ?? simplest[field.type ?? '']]),
  );
}

const elicited = (params: object) =>
  ({
    action: 'accept',
    content: withDefaults((params as { requestedSchema?: unknown }).requestedSchema),
  }) as never;

const sampled = () =>
  ({
    role: 'assistant',
    content: { type: 'text', text: 'pong' },
    model: 'none',
    stopReason: 'endTurn',
  }) as never;

async function legacy(url: URL): Promise<Driver> {
  const client = new Client(INFO, { capabilities: CAPABILITIES });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => elicited(params));
  client.setRequestHandler(CreateMessageRequestSchema, sampled);
  await client.connect(new StreamableHTTPClientTransport(url));
  return client;
}

async function modern(url: URL): Promise<Driver> {
  const client = new ModernClient(INFO, {
    capabilities: CAPABILITIES,
    versionNegotiation: { mode: { pin: '2026-07-28' } },
  });
  client.setRequestHandler('elicitation/create', ({ params }) => elicited(params));
  client.setRequestHandler('sampling/createMessage', sampled);
  await client.connect(new ModernTransport(url));
  return client;
}

/** For calls that may be refused on their way: of them only what reaches the suite counts. */
async function attempt(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => process.stdout.write(`refused: ${String(error)}\n`));
}

/** What was listed. A list without anything would leave unsaid what happens to its entries. */
function some<T>(listed: readonly T[]): readonly T[] {
  if (listed.length === 0) throw new Error('a list that the server fills came empty through the gateway');
  return listed;
}

const callsOfContext = (): { name: string; arguments: Args }[] =>
  (
    JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as {
      toolCalls?: { name: string; arguments: Args }[];
    }
  ).toolCalls ?? [];

const DRIVES: Readonly<Record<string, (client: Driver) => Promise<void>>> = {
  initialize: async (client) => void (await client.listTools()),
  'request-metadata': async (client) => void (await client.listTools()),
  'json-schema-ref-no-deref': async (client) => void (await client.listTools()),
  tools_call: async (client) => {
    await client.listTools();
    await client.callTool({ name: 'add_numbers', arguments: { a: 5, b: 3 } });
  },
  'elicitation-sep1034-client-defaults': async (client) => {
    await client.listTools();
    await client.callTool({ name: 'test_client_elicitation_defaults', arguments: {} });
  },
  'sse-retry': async (client) => {
    await client.listTools();
    await client.callTool({ name: 'test_reconnection', arguments: {} });
  },
  'sep-2322-client-request-state': async (client) => {
    await client.listTools();
    // At once, so that an answer could get into the wrong one of them.
    await Promise.all(
      ['test_mrtr_echo_state', 'test_mrtr_no_state', 'test_mrtr_unrelated', 'test_mrtr_no_result_type'].map(
        (name) => client.callTool({ name, arguments: {} }),
      ),
    );
  },
  'http-standard-headers': async (client) => {
    for (const { name } of some((await client.listTools()).tools))
      await client.callTool({ name, arguments: {} });
    for (const { uri } of some((await client.listResources()).resources)) await client.readResource({ uri });
    for (const { name } of some((await client.listPrompts()).prompts)) await client.getPrompt({ name });
  },
  'http-custom-headers': async (client) => {
    await client.listTools();
    for (const call of callsOfContext()) await client.callTool(call);
  },
  'http-invalid-tool-headers': async (client) => {
    const { tools } = await client.listTools();
    // One that must not be in the list is called as well: whoever knows its name gets no further.
    for (const name of [...tools.map((tool) => tool.name), 'invalid_space_in_name'])
      await attempt(client.callTool({ name, arguments: { region: 'us-west1', value: 'x' } }));
  },
  'json-schema-2020-12-preservation': async (client) => {
    const { tools } = await client.listTools();
    const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema;
    await client.callTool({ name: 'json_schema_echo', arguments: { schema } });
  },
};

/**
 * What the modern SDK does by itself on its way to the gateway: sending the headers, leaving out tools with invalid ones. There a legacy
 * client comes first, for which nobody but the gateway can have done it.
 */
const DONE_BY_MODERN_SDK = new Set([
  'http-standard-headers',
  'http-custom-headers',
  'http-invalid-tool-headers',
]);

const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? '';
const revision = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] ?? '';
const upstream = process.argv.at(-1)!;
const drive = DRIVES[scenario];
if (drive === undefined) throw new Error(`there is no way to drive the scenario "${scenario}"`);

await using gateway = await gatewayOf({ suite: { transport: 'http', url: upstream } });
const deadline = AbortSignal.timeout(DRIVE_MS);
const late = new Promise<never>((_, reject) => {
  deadline.addEventListener('abort', () => reject(new Error(`not done after ${DRIVE_MS} ms`)));
});
const url = new URL('/suite/mcp', gateway.url);
const eras =
  revision !== '2026-07-28' ? [legacy] : DONE_BY_MODERN_SDK.has(scenario) ? [legacy, modern] : [modern];
const driven = (async () => {
  for (const connect of eras) {
    const client = await connect(url);
    await drive(client);
    await client.close();
  }
})();
try {
  await Promise.race([driven, late]);
} catch (error) {
  process.stderr.write(`${gateway.log.map((line) => JSON.stringify(line)).join('\n')}\n${String(error)}\n`);
  process.exitCode = 1;
  // What still hangs in it need not be waited for.
  await gateway.kill();
}
