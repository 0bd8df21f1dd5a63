import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  ErrorCode,
  McpError,
  ResultSchema,
  type ServerNotification,
  type ServerRequest,
  SetLevelRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import { CAPABILITIES, type Features, INFO } from './features.ts';
import { nameRequests, QUESTION_KEY } from './named-requests.ts';
import { type Asking, isAsking, type Json, type Question, RpcError, type Turn } from './turn.ts';

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const ROUNDS_MAX = 8;

/**
 * Serves one legacy connection on the SDK of that era: what a feature asks goes to the client as a request of ours, on the stream of the
 * request that it is about. What the client declared is not looked at before asking, as in that SDK.
 */
export async function serveV1(features: Features, transport: Transport): Promise<void> {
  const server = new Server(INFO, { capabilities: CAPABILITIES, instructions: 'The conformance fixture.' });
  const watched = new Set<string>();
  let logs = true;

  // `info` is the only level that the fixture logs with.
  server.setRequestHandler(SetLevelRequestSchema, ({ params }) => {
    logs = ['debug', 'info'].includes(params.level);
    return {};
  });
  server.fallbackRequestHandler = async ({ method, params = {} }, extra) => {
    try {
      switch (method) {
        case 'resources/subscribe':
          watched.add(String(params['uri']));
          return {};
        case 'resources/unsubscribe':
          watched.delete(String(params['uri']));
          return {};
        case 'tools/call':
        case 'prompts/get':
          return await run(features, method, params, {
            extra,
            logs: () => logs,
            capabilities: { ...server.getClientCapabilities() },
          });
        default:
          return features.answer(method, params, 'legacy');
      }
    } catch (error) {
      throw error instanceof RpcError ? new McpError(error.code, error.message, error.data) : error;
    }
  };

  const unwatch = features.changes.watch(
    (kind) => {
      const send = {
        tools: () => server.sendToolListChanged(),
        prompts: () => server.sendPromptListChanged(),
        resources: () => server.sendResourceListChanged(),
      }[kind];
      send().catch(gone);
    },
    (uri) => {
      if (watched.has(uri)) server.sendResourceUpdated({ uri }).catch(gone);
    },
  );
  Object.assign(server, { onclose: unwatch });
  await server.connect(nameRequests(transport));
}

/** A client that has gone is told nothing. */
function gone(error: unknown): void {
  process.stderr.write(`a change was not sent: ${String(error)}\n`);
}

interface Connection {
  readonly extra: Extra;
  readonly capabilities: Json;
  logs(): boolean;
}

/** Runs a feature to its end, asking the client for whatever it wants to know in between. */
async function run(
  features: Features,
  method: 'tools/call' | 'prompts/get',
  params: Json,
  { extra, capabilities, logs }: Connection,
): Promise<Json> {
  const name = String(params['name']);
  const base = {
    args: (params['arguments'] ?? {}) as Json,
    capabilities,
    progressToken: extra._meta?.progressToken,
    notify: (type: string, body: Json) =>
      extra.sendNotification({ method: type, params: body } as unknown as ServerNotification),
    log: async (data: string) => {
      if (logs())
        await extra.sendNotification({
          method: 'notifications/message',
          params: { level: 'info', logger: INFO.name, data },
        });
    },
    dropStream: () => extra.closeSSEStream?.(),
  };
  let turn: Turn = { ...base, responses: {}, state: undefined };
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const answer = await features.run(method, name, turn);
    if (!isAsking(answer)) return answer;
    try {
      turn = { ...base, responses: await askAll(answer, extra), state: answer.state };
    } catch (error) {
      if (method === 'prompts/get') throw error;
      return {
        content: [{ type: 'text', text: `The client did not answer: ${String(error)}` }],
        isError: true,
      };
    }
  }
  throw new McpError(ErrorCode.InternalError, `${name} asked more than ${ROUNDS_MAX} times`);
}

/** Asks everything at once. What the client refuses is missing from the answers; when it refuses everything, its first error is thrown. */
async function askAll({ ask }: Asking, extra: Extra): Promise<Json> {
  const outcomes = await Promise.allSettled(
    Object.entries(ask).map(
      async ([key, question]) => [key, await extra.sendRequest(keyed(key, question), ResultSchema)] as const,
    ),
  );
  const answered = outcomes.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value);
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  if (answered.length === 0 && refused !== undefined) throw refused.reason;
  return Object.fromEntries(answered);
}

function keyed(key: string, { method, params }: Question): ServerRequest {
  return { method, params: { ...params, _meta: { [QUESTION_KEY]: key } } } as unknown as ServerRequest;
}
