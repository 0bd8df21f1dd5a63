import { randomBytes } from 'node:crypto';
import {
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  type McpServerFactory,
  ProtocolError,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { CAPABILITIES, type Features, INFO, PLAIN_METHODS } from './features.ts';
import { isAsking, type Json, RpcError, type Turn } from './turn.ts';

/**
 * The features on the SDK of both eras. On a modern connection what a feature asks is returned as `input_required`, with its state sealed;
 * on a legacy one the SDK turns it into requests to the client by itself. `lasting` is for transports on which a modern server lives as
 * long as its connection, and so can tell of changes itself.
 */
export function factoryV2(features: Features, lasting = false): McpServerFactory {
  const codec = createRequestStateCodec<Json>({ key: randomBytes(32) });
  return ({ era }) => {
    const server = new Server(INFO, {
      capabilities: CAPABILITIES,
      instructions: 'The conformance fixture.',
      requestState: { verify: codec.verify },
    });
    for (const method of PLAIN_METHODS)
      server.setRequestHandler(
        method,
        ({ params }) => translated(() => features.answer(method, (params ?? {}) as Json, era)) as never,
      );
    for (const method of ['tools/call', 'prompts/get'] as const)
      server.setRequestHandler(method, async ({ params }, ctx) => {
        const { name, arguments: args } = params as { name: string; arguments?: Json };
        const declared =
          (ctx.mcpReq.envelope as Json | undefined)?.[CLIENT_CAPABILITIES_META_KEY] ??
          server.getClientCapabilities();
        const turn = turnOf(ctx, args ?? {}, { ...declared });
        const answer = await translated(() => features.run(method, name, turn));
        if (!isAsking(answer)) return answer as never;
        return {
          resultType: 'input_required',
          inputRequests: answer.ask,
          ...(answer.state === undefined ? {} : { requestState: await codec.mint(answer.state) }),
        } as never;
      });
    if (era === 'legacy') serveSubscriptions(features, server);
    else if (lasting) tellChanges(features, server, () => true);
    return server;
  };
}

function turnOf(ctx: ServerContext, args: Json, capabilities: Json): Turn {
  const { mcpReq } = ctx;
  return {
    args,
    capabilities,
    responses: mcpReq.inputResponses ?? {},
    state: mcpReq.requestState<Json>(),
    progressToken: mcpReq._meta?.progressToken,
    notify: (method, params) => mcpReq.notify({ method, params }),
    log: (data) => mcpReq.log('info', data, INFO.name),
    dropStream: () => ctx.http?.closeSSE?.(),
  };
}

/** Legacy clients are told of changed lists without asking for it, and of changed resources that they subscribed to. */
function serveSubscriptions(features: Features, server: Server): void {
  const watched = new Set<string>();
  server.setRequestHandler('resources/subscribe', ({ params }) => {
    watched.add(params.uri);
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    watched.delete(params.uri);
    return {};
  });
  tellChanges(features, server, (uri) => watched.has(uri));
}

/** Sends changes to the client of this server until it closes. */
function tellChanges(features: Features, server: Server, wants: (uri: string) => boolean): void {
  const failed = (error: unknown): void => {
    process.stderr.write(`a change was not sent: ${String(error)}\n`);
  };
  const onclose = features.changes.watch(
    (kind) => {
      const send = {
        tools: () => server.sendToolListChanged(),
        prompts: () => server.sendPromptListChanged(),
        resources: () => server.sendResourceListChanged(),
      }[kind];
      send().catch(failed);
    },
    (uri) => {
      if (wants(uri)) server.sendResourceUpdated({ uri }).catch(failed);
    },
  );
  Object.assign(server, { onclose });
}

async function translated<T>(act: () => T | Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw error instanceof RpcError ? new ProtocolError(error.code, error.message, error.data) : error;
  }
}
