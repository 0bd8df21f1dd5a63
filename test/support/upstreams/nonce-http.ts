// The nonce tools over HTTP. argv[2] says how: `modern`, `stateless`, `sse`, or a legacy revision with sessions; argv[3] is the file for
// effects. POST /control with {"forget": true} loses all sessions, with {"slowMs": 300, "forMs": 2000} makes it slow for a while, both
// without a word to anybody.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyOf, listen } from './listen.ts';
import { type Id, LegacyPeer, type Message, ModernPeer, type Send } from './nonce/peers.ts';
import { type Fields, NonceTools } from './nonce/tools.ts';

const [, , mode = '2025-11-25', effects] = process.argv;
const SSE = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' };
const JSON_TYPE = { 'content-type': 'application/json' };
const tools = new NonceTools(effects);
const modern = new ModernPeer(tools);

interface Session {
  readonly peer: LegacyPeer;
  /** Where the answers and questions of each request in flight go. */
  readonly streams: Map<Id, ServerResponse>;
}
const sessions = new Map<string, Session>();

const event = (message: Message): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`;

/** Sends a message on the stream of its request, and ends the stream with the answer. */
function sendOn(streams: Map<Id, ServerResponse>): Send {
  return (message, related) => {
    const stream = streams.get(related!);
    stream?.write(event(message));
    if (message.method !== undefined) return;
    stream?.end();
    streams.delete(related!);
  };
}

function openSession(response: ServerResponse): Session {
  const streams = new Map<Id, ServerResponse>();
  const session = { streams, peer: new LegacyPeer(tools, mode, sendOn(streams)) };
  const id = randomUUID();
  sessions.set(id, session);
  response.setHeader('mcp-session-id', id);
  return session;
}

function withSession(request: IncomingMessage, response: ServerResponse, message: Message): void {
  const id = request.headers['mcp-session-id'];
  const session = typeof id === 'string' ? sessions.get(id) : undefined;
  if (session === undefined && message.method !== 'initialize') {
    const error = { code: -32001, message: 'Session not found' };
    response
      .writeHead(id === undefined ? 400 : 404, JSON_TYPE)
      .end(JSON.stringify({ jsonrpc: '2.0', id: null, error }));
    return;
  }
  const { peer, streams } = session ?? openSession(response);
  if (message.id !== undefined && message.method !== undefined) {
    response.writeHead(200, SSE);
    streams.set(message.id, response);
    peer.receive(message);
    return;
  }
  peer.receive(message);
  response.writeHead(202).end();
}

function stateless(response: ServerResponse, message: Message): void {
  if (message.id === undefined) {
    response.writeHead(202).end();
    return;
  }
  const peer = new LegacyPeer(tools, '2025-06-18', (answer) => {
    if (answer.method === undefined) response.writeHead(200, JSON_TYPE).end(JSON.stringify(answer));
    // Nobody can answer on a connection that has no way back.
    else if (answer.id !== undefined)
      peer.receive({ jsonrpc: '2.0', id: answer.id, error: { code: -32601, message: 'no way back' } });
  });
  peer.receive(message);
}

async function standsAlone(response: ServerResponse, message: Message): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  await modern.receive(
    message,
    (answer) => {
      const code = answer.error?.['code'];
      if (answer.method !== undefined) {
        if (!response.headersSent) response.writeHead(200, SSE);
        response.write(event(answer));
      } else if (response.headersSent) response.end(event(answer));
      else
        response
          .writeHead(code === -32601 ? 404 : code === -32022 ? 400 : 200, JSON_TYPE)
          .end(JSON.stringify(answer));
    },
    gone.signal,
  );
}

function openStream(response: ServerResponse): void {
  const id = randomUUID();
  response.writeHead(200, SSE).write(`event: endpoint\ndata: /messages?sessionId=${id}\n\n`);
  const peer = new LegacyPeer(tools, '2024-11-05', (message) => response.write(event(message)));
  sessions.set(id, { peer, streams: new Map() });
  response.on('close', () => sessions.delete(id));
}

function control({ forget, slowMs, forMs }: Fields): void {
  if (forget === true) sessions.clear();
  if (typeof slowMs === 'number') tools.slowDown(slowMs, Number(forMs));
}

listen(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const body = await bodyOf(request);
  if (url.pathname === '/control') {
    control(JSON.parse(body) as Fields);
    response.end();
  } else if (mode === 'sse' && request.method === 'GET') openStream(response);
  else if (request.method === 'DELETE' && mode !== 'sse') {
    sessions.delete(String(request.headers['mcp-session-id']));
    response.writeHead(200).end();
  } else if (request.method !== 'POST') response.writeHead(405, { allow: 'POST' }).end();
  else {
    const message = JSON.parse(body) as Message;
    if (mode === 'modern') await standsAlone(response, message);
    else if (mode === 'stateless') stateless(response, message);
    else if (mode !== 'sse') withSession(request, response, message);
    else {
      const session = sessions.get(url.searchParams.get('sessionId') ?? '');
      response.writeHead(session === undefined ? 404 : 202).end();
      session?.peer.receive(message);
    }
  }
});
