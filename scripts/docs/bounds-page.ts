import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BOUNDS } from '../../src/core/bounds.ts';
import { GENERATED } from './markdown.ts';

const MEANING: Readonly<Record<keyof typeof BOUNDS, string>> = {
  bodyBytesMax: 'Body of one HTTP request; a larger one is refused with 413 (`body-too-large`).',
  messageBytesMax:
    'One message on an event stream of a server; the call that it answers fails (`response-too-large`). On the one stream of an HTTP+SSE server it ends the connection, and the next call has another. The stream may be as long as it likes.',
  stdioLineBytesMax: 'One line of a stdio server. A longer one ends its process, which is started anew.',
  responseStateBytesMax:
    'answers of `POST /v1/responses` that one key may keep to refer to; its oldest go first',
  upstreamResponseBytesMax:
    'One answer of a server that is not a stream; a larger one fails its call (`response-too-large`).',
  sessionsMax:
    'Client sessions in memory. One that has no open stream, no request under way and watches nothing makes room, and comes back by its id; when there is none, a new session gets 503 (`session-limit`).',
  inFlightPerSessionMax:
    'Requests in flight in one client session; one more gets 429 (`session-busy`). Notifications and responses do not count.',
  inFlightPerServerMax: 'Calls in flight to one server. Further ones wait for their turn.',
  keepAliveMs:
    'Between two keep-alive comments on an event stream; also how long an answer may be silent before it becomes one.',
  serverStartMs: 'From starting a server to its handshake; then it counts as down, and is tried again.',
  callTotalMs:
    'One call, from when its turn comes to the last byte; then it is cancelled (`call-timeout`). Time in which a person answers a question does not count. A longer `timeout` of a server holds for its calls.',
  firstListWaitMs:
    'How long after the start of the gateway a list waits for servers that were never seen before.',
  ledgerMemoryRowsMax:
    'Ledger records in memory that are not stored yet; further ones wait on the disk alone.',
  ledgerDiskBytesMax:
    'Ledger records on disk that are not stored yet; beyond this, calls are refused with 503 (`ledger-unavailable`).',
  shutdownDrainMs:
    'How long calls in flight may go on, and clients may read their answers, when the gateway stops; what takes longer is cut. Streams that bring news end at once.',
  bodyReadMs:
    'How long a request, head and body, may take to arrive; then it gets 408. The head alone has 15 s at most.',
  maxToolRounds:
    'Rounds in which a model calls tools of the gateway within one request. Then it gets no more tools, and has to answer. A request of Responses may say less in `max_tool_calls`.',
  toolCallMs: 'One call of a tool that a model makes; then the model is told that it took too long.',
  toolResultCharactersMax:
    'Characters of one result that a model is given; what is longer is cut, and the model is told.',
};

/** Bounds that cannot be set: the file that has the constant, its name, and what it bounds. */
const FIXED: readonly (readonly [file: string, name: string, what: string])[] = [
  ['edge/server.ts', 'HEADER_BYTES_MAX', 'Head of one HTTP request; a larger one gets 431.'],
  ['edge/server.ts', 'KEEP_ALIVE_SOCKET_MS', 'How long a connection stays open between two requests.'],
  [
    'edge/event-stream.ts',
    'BUFFERED_BYTES_MAX',
    'What may wait for a client that reads its stream too slowly; news, progress and comments beyond it are left out. What a client can take up again is kept for that.',
  ],
  [
    'edge/event-stream.ts',
    'ANSWERS_BYTES_MAX',
    'What may wait on a stream with answers, which are not left out; a client that lets more wait loses the stream.',
  ],
  [
    'edge/server.ts',
    'SOCKET_IDLE_MS',
    'How long a WebSocket stays open on which nothing is asked. A message on it may be as large as a body.',
  ],
  [
    'edge/server.ts',
    'SOCKET_LIFE_MS',
    'How long any WebSocket stays open; its client is told (`websocket_connection_limit_reached`), and what is under way ends first.',
  ],
  [
    'edge/websocket/open-socket.ts',
    'SILENT_PINGS_MAX',
    'Pings of a WebSocket, one each `limits.keep_alive_ms`, that its client may leave without an answer; with the next one it is cut.',
  ],
  ['gateway/handle-llm-socket.ts', 'RUNNING_MAX', 'Answers under way at a time on one WebSocket.'],
  [
    'gateway/handle-llm-socket.ts',
    'WAITING_MAX',
    'Requests that wait on one WebSocket, with at most `limits.body_bytes_max` in all; one more is refused (`websocket_queue_full`).',
  ],
  [
    'gateway/handle-llm-socket.ts',
    'LANES_MAX',
    'Different `stream_id`s on one WebSocket; one more is refused (`websocket_stream_limit_reached`).',
  ],
  [
    'llm/state/connection-memory.ts',
    'KEPT_MAX',
    'Answers that one WebSocket remembers besides those that are stored; the least recently used goes first.',
  ],
  [
    'llm/state/connection-memory.ts',
    'KEPT_BYTES_MAX',
    'Their bytes, conversations included; the newest always stays.',
  ],
  ['llm/state/connection-memory.ts', 'TOTAL_BYTES_MAX', 'The same for all WebSockets together.'],
  [
    'llm/state/response-state.ts',
    'SAVING_MAX',
    'Answers that wait at once to be kept for `previous_response_id`; one more is not kept, and the log says so.',
  ],
  [
    'llm/state/response-state.ts',
    'SAVING_BYTES_MAX',
    'Bytes of the answers that wait to be kept, conversations included; one may always wait.',
  ],
  ['core/json-scan.ts', 'JSON_DEPTH_MAX', 'Levels of nesting in a message; a deeper one gets 400.'],
  ['mcp/wire/message.ts', 'BATCH_MESSAGES_MAX', 'Messages in one batch; a larger one gets 400.'],
  [
    'mcp/downstream/sessions.ts',
    'IDLE_MS',
    'How long a session without a stream is kept when nobody uses it. Then what it watches is given up; it comes back by its id.',
  ],
  [
    'mcp/downstream/replay.ts',
    'EVENTS_MAX',
    'Events of one session that a client which comes back can take up again; the latest are kept.',
  ],
  [
    'mcp/downstream/replay.ts',
    'BYTES_MAX',
    'Bytes of those events. A larger answer is not kept: a client that missed it is told so (`answer-lost`).',
  ],
  [
    'mcp/downstream/sessions.ts',
    'REPLAY_BYTES_MAX',
    'Bytes of those events in all sessions together; the oldest go first.',
  ],
  ['mcp/downstream/replay.ts', 'KEPT_MS', 'How long those events are kept.'],
  [
    'gateway/session-requests.ts',
    'WATCHED_MAX',
    'Resources that one session may watch; one more is refused.',
  ],
  ['gateway/handle-listen.ts', 'URIS_MAX', 'Resources that one `subscriptions/listen` may name.'],
  [
    'mcp/upstream/fair-gate.ts',
    'WAITING_MAX',
    'Calls that wait for their turn at one server; one more fails (`server-busy`).',
  ],
  [
    'mcp/upstream/isolated-connections.ts',
    'ISOLATED_MAX',
    'Connections to one server that has one for each session or key; the one unused for longest makes room.',
  ],
  [
    'mcp/upstream/isolated-connections.ts',
    'IDLE_MS',
    'How long such a connection stays open when nobody uses it, unless `idle_shutdown` says otherwise.',
  ],
  [
    'mcp/upstream/read-offer.ts',
    'PAGES_MAX',
    'Pages of one list of a server; one with more counts as broken.',
  ],
  [
    'mcp/downstream/client-questions.ts',
    'ANSWER_MS',
    'How long a person may take to answer a question of a server.',
  ],
  [
    'mcp/downstream/client-questions.ts',
    'OPEN_MAX',
    'Questions that are open at clients with a session; one more fails (`questions-limit`).',
  ],
  [
    'mcp/calls/parked-calls.ts',
    'PARKED_MAX',
    'Calls of stateless clients that wait for an answer of the user; one more fails (`questions-limit`).',
  ],
  ['mcp/calls/parked-calls.ts', 'PARKED_PER_PRINCIPAL_MAX', 'The same for one key.'],
  ['mcp/calls/parked-calls.ts', 'FINISHED_MS', 'How long the result of such a call is kept for its client.'],
  [
    'mcp/calls/rounds.ts',
    'ROUNDS_MAX',
    'Times that a stateless server may ask in one call of a client with a session.',
  ],
  ['mcp/calls/task-owners.ts', 'TASKS_MAX', 'Tasks whose owner is remembered; the oldest makes room.'],
];

/** docs/reference/bounds.md: every bound with its default and its key in the configuration. */
export function boundsPage(): string {
  const rows = (Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]).map(
    (name) => `| \`limits.${snake(name)}\` | ${readable(name, BOUNDS[name])} | ${MEANING[name]} |`,
  );
  const fixed = FIXED.map(([file, name, what]) => `| ${readable(name, constantIn(file, name))} | ${what} |`);
  return `# Bounds

${GENERATED('the constants in src')}

Everything that holds or waits has a bound.

## Set in the configuration

Each is a key under \`limits\`.

| key | default | bounds what |
| --- | --- | --- |
${rows.join('\n')}

## Fixed

| value | bounds what |
| --- | --- |
${fixed.join('\n')}
`;
}

/** The value of a constant as its file says it: a product of numbers. */
function constantIn(file: string, name: string): number {
  const text = readFileSync(join(import.meta.dirname, '../../src', file), 'utf8');
  const value = new RegExp(`^(?:export )?const ${name} = ([\\d_ *]+);$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`src/${file} has no constant ${name}`);
  return value.split('*').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}

const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function readable(name: string, value: number): string {
  if (/bytes/i.test(name)) return readableBytes(value);
  if (/ms$/i.test(name)) return value > 300_000 ? `${value / 60_000} min` : `${value / 1000} s`;
  return value.toLocaleString('en');
}

function readableBytes(value: number): string {
  if (value % 2 ** 30 === 0) return `${value / 2 ** 30} GiB`;
  return value % 2 ** 20 === 0 ? `${value / 2 ** 20} MiB` : `${value / 2 ** 10} KiB`;
}
