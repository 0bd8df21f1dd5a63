import { GatewayError } from '../core/errors.ts';
import {
  acceptsSse,
  errorMessage,
  errorObject,
  type Inbound,
  notificationMessage,
  type Place,
  Replay,
  resultMessage,
  type RpcRequest,
  type Session,
} from '../mcp/mcp-wire.ts';
import type { EventStream } from './exchange.ts';
import type { HandleMcpDeps } from './mcp-deps.ts';
import type { McpContext } from './mcp-context.ts';
import { resourceUpdated } from './resource-updated.ts';

type ChangeKind = 'tools' | 'prompts' | 'resources';

const ALL: ReadonlySet<ChangeKind> = new Set(['tools', 'prompts', 'resources']);
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
/** Resources that one listen request may name. */
const URIS_MAX = 1_000;

const CHANGED: Readonly<Record<ChangeKind, Buffer>> = {
  tools: Buffer.from('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'),
  prompts: Buffer.from('{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}'),
  resources: Buffer.from('{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}'),
};

/** What the one who opened a stream may see by the configuration in force; what was seen last when that is nothing any more. */
function visibilityNow(context: McpContext, deps: HandleMcpDeps): McpContext['visibility'] {
  const { policy, authenticate } = deps.current();
  try {
    return policy.visibility(authenticate(context.exchange), policy.narrowing(context.exchange));
  } catch {
    return context.visibility;
  }
}

/** GET: the stream on which a legacy server may speak first, or an earlier stream taken up again. Without a session: exactly 405. */
export function listen(context: McpContext, deps: HandleMcpDeps): void {
  const { exchange, principal } = context;
  const { mcp } = deps;
  const id = exchange.headers['mcp-session-id'];
  if (typeof id !== 'string' || !acceptsSse(exchange.headers.accept))
    throw new GatewayError('method-not-allowed', { method: 'GET', path: exchange.path });
  const session = mcp.sessions.find(id, principal.id); // 404
  const lastEventId = exchange.headers['last-event-id'];
  const place = typeof lastEventId === 'string' ? session.replay.find(lastEventId) : undefined;
  if (place !== undefined && place.stream !== 0) {
    resumeReply(place, session, context);
    return;
  }
  const stream = exchange.openStream({ 'mcp-session-id': id });
  const listener = {
    visibility: () => visibilityNow(context, deps),
    wants: ALL,
    changed: (kind: ChangeKind) => session.say(CHANGED[kind]),
  };
  session.listen(stream, place, (known) => mcp.listeners.add(listener, known));
  stream.onClose(() => session.stopListening(stream));
}

/**
 * Takes the stream of a POST up again: what was missed, then what comes still. A stream that is not known any more, of a process before this
 * one, say, brings an error as the request's answer, lest the client wait for what cannot come; one that has ended is no stream: 405.
 */
function resumeReply(place: Place, session: Session, { exchange }: McpContext): void {
  const reply = place.isOurs ? session.replies.get(place.stream) : undefined;
  const isLost = reply === undefined && place.missed.length === 0;
  if (place.isLast || (isLost && place.requestId === undefined))
    throw new GatewayError('method-not-allowed', { method: 'GET', path: exchange.path });
  const stream = exchange.openStream({ 'mcp-session-id': session.id }, 'answers');
  for (const event of place.missed) stream.deliver(event.data, event.id);
  if (isLost) {
    const lost = errorMessage(place.requestId, errorObject(new GatewayError('answer-lost')));
    stream.deliver(lost, Replay.lastId(place));
  }
  if (reply === undefined) stream.close();
  else reply.resume(stream);
}

/** Tells an HTTP+SSE client of changes, as long as its stream is open. */
export function listenOnStream(context: McpContext, stream: EventStream, deps: HandleMcpDeps): void {
  const stop = deps.mcp.listeners.add({
    visibility: () => visibilityNow(context, deps),
    wants: ALL,
    changed: (kind) => stream.send('message', CHANGED[kind]),
  });
  stream.onClose(stop);
}

/** `subscriptions/listen` (2026-07-28, "Subscriptions"): the answer is a stream that says what was asked for until it ends. */
export async function subscriptionsListen(
  request: RpcRequest,
  inbound: Inbound,
  context: McpContext,
  deps: HandleMcpDeps,
): Promise<void> {
  const { exchange, visibility } = context;
  const { mcp } = deps;
  const wanted = request.params?.child('notifications');
  if (wanted === undefined)
    throw new GatewayError('rpc-params', { reason: 'params.notifications must be an object' });
  const wants = new Set([...ALL].filter((kind) => wanted.value(`${kind}ListChanged`) === true));
  const uris = readUris(wanted.value('resourceSubscriptions'));
  const view = mcp.view(visibility);
  const targets = uris
    .map((uri) => ({ uri, target: view.resource(uri) }))
    .filter(({ target }) => target !== undefined && mcp.canWatch(target.server));
  const stream = exchange.openStream();
  const meta = `"_meta":{"${SUBSCRIPTION}":${request.idBytes.toString('utf8')}}`;
  const honoured = {
    ...Object.fromEntries([...wants].map((kind) => [`${kind}ListChanged`, true])),
    ...(targets.length === 0 ? {} : { resourceSubscriptions: targets.map(({ uri }) => uri) }),
  };
  stream.send(
    'message',
    notificationMessage(
      'notifications/subscriptions/acknowledged',
      Buffer.from(`{"notifications":${JSON.stringify(honoured)},${meta}}`),
    ),
  );
  const stops = [
    mcp.listeners.add({
      visibility: () => visibilityNow(context, deps),
      wants,
      changed: (kind) =>
        stream.send(
          'message',
          notificationMessage(`notifications/${kind}/list_changed`, Buffer.from(`{${meta}}`)),
        ),
    }),
    deps.onStop(() => {
      stream.send(
        'message',
        resultMessage(request.idBytes, Buffer.from(`{"resultType":"complete",${meta}}`)),
      );
      stream.close();
    }),
  ];
  let isClosed = false;
  stream.onClose(() => {
    isClosed = true;
    for (const stop of stops.splice(0)) stop();
  });
  await Promise.all(
    targets.map(async ({ uri, target }) => {
      const stop = await mcp
        .watch(target!.server, target!.uri, (notification) =>
          stream.send('message', resourceUpdated(notification, uri, request.idBytes)),
        )
        .catch(() => undefined);
      if (stop === undefined) return;
      if (isClosed) stop();
      else stops.push(stop);
    }),
  );
}

function readUris(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.some((uri) => typeof uri !== 'string'))
    throw new GatewayError('rpc-params', {
      reason: 'params.notifications.resourceSubscriptions must be a list of URIs',
    });
  if (value.length > URIS_MAX)
    throw new GatewayError('rpc-params', { reason: `more than ${URIS_MAX} resourceSubscriptions` });
  return value as string[];
}
