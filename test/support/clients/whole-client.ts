import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';

export type Era = 'legacy' | 'modern';
export const ERAS: readonly Era[] = ['legacy', 'modern'];

type Fields = Record<string, unknown>;

/** How a client answers what a server asks it; what is missing is not declared as a capability. */
export interface Answers {
  readonly elicitation?: (params: Fields) => Fields;
  readonly sampling?: (params: Fields) => Fields;
  readonly roots?: () => Fields;
}

/** An official SDK client with everything that a server may offer. */
export interface WholeClient extends AsyncDisposable {
  /** The methods that both SDKs share, with the types of the older one. */
  readonly sdk: Pick<
    Client,
    | 'listTools'
    | 'listPrompts'
    | 'getPrompt'
    | 'listResources'
    | 'listResourceTemplates'
    | 'readResource'
    | 'complete'
    | 'getServerCapabilities'
  >;
  call(
    name: string,
    args: Fields,
    options?: { readonly onprogress?: (progress: { progress: number; message?: string }) => void },
  ): Promise<CallAnswer>;
}

export interface CallAnswer {
  readonly isError?: boolean;
  readonly content: readonly { readonly type: string; readonly text: string }[];
  readonly structuredContent?: unknown;
}

/** Connects SDK v1 at 2025-11-25 (legacy) or SDK v2 at 2026-07-28 (modern). */
export async function connectWhole(
  era: Era,
  base: string,
  key: string,
  scope = '/mcp',
  answers: Answers = {},
): Promise<WholeClient> {
  const requestInit = { headers: { Authorization: `Bearer ${key}` } };
  const info = { name: `lanport-test-${era}`, version: '1.0.0' };
  const capabilities = {
    ...(answers.elicitation === undefined ? {} : { elicitation: {} }),
    ...(answers.sampling === undefined ? {} : { sampling: {} }),
    ...(answers.roots === undefined ? {} : { roots: {} }),
  };
  const url = new URL(scope, base);
  if (era === 'modern') {
    const client = new ModernClient(info, {
      capabilities,
      versionNegotiation: { mode: { pin: '2026-07-28' } },
    });
    const { elicitation, sampling, roots } = answers;
    if (elicitation !== undefined)
      client.setRequestHandler('elicitation/create', ({ params }) => elicitation(params as Fields) as never);
    if (sampling !== undefined)
      client.setRequestHandler('sampling/createMessage', ({ params }) => sampling(params as never) as never);
    if (roots !== undefined) client.setRequestHandler('roots/list', () => roots() as never);
    await client.connect(new ModernTransport(url, { requestInit }));
    return {
      sdk: client as unknown as WholeClient['sdk'],
      call: async (name, args, options) =>
        (await client.callTool({ name, arguments: args }, options as never)) as unknown as CallAnswer,
      [Symbol.asyncDispose]: () => client.close(),
    };
  }
  const client = new Client(info, { capabilities });
  const { elicitation, sampling, roots } = answers;
  if (elicitation !== undefined)
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => elicitation(params as Fields) as never);
  if (sampling !== undefined)
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => sampling(params as never) as never);
  if (roots !== undefined) client.setRequestHandler(ListRootsRequestSchema, () => roots() as never);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
  return {
    sdk: client,
    call: async (name, args, options) =>
      (await client.callTool(
        { name, arguments: args },
        undefined,
        options as never,
      )) as unknown as CallAnswer,
    [Symbol.asyncDispose]: () => client.close(),
  };
}
