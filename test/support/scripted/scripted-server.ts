import { Catalogue, type Offer } from './catalogue.ts';
import { serveHttp } from './over-http.ts';
import { serveStdio } from './over-stdio.ts';

export type Json = Readonly<Record<string, unknown>>;

/** A message as it came. */
export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Json };
}

export type ScriptedKind = 'stdio' | 'http' | 'sse' | 'modern' | 'modern-stdio';

export const LEGACY_KINDS = ['stdio', 'http', 'sse'] as const;

export const isModern = (kind: ScriptedKind): boolean => kind.startsWith('modern');

/** One connection (stdio), session (HTTP) or stream (HTTP+SSE); for a stateless server over HTTP, one request. */
export interface Link {
  /** Says something that belongs to no request. */
  say(message: unknown): void;
  /** Asks the client, outside of any request, and waits for its reply. */
  ask(method: string, params?: Json): Promise<Message>;
  /** Ends it as if the server had died. */
  kill(): void;
  /** Resolves when the other end is gone: of a program, when that has ended. */
  readonly closed: Promise<void>;
}

/** One message that the server was sent. */
export interface Said {
  readonly message: Message;
  /** The message as text. */
  readonly text: string;
  readonly link: Link;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Answers the request. */
  reply(result: unknown): void;
  /** Answers it with a result that is written here. */
  replyText(result: string): void;
  fail(code: number, message: string, data?: Json): void;
  /** Answers with an HTTP status and a body; over streamable HTTP only. */
  refuse(status: number, body: string): void;
  /** Says something on the request's own stream, where it has one. */
  say(message: unknown): void;
  /** Asks the client on the request's own stream, where it has one. */
  ask(method: string, params?: Json, id?: string | number): Promise<Message>;
  /** Resolves when the client has closed the stream of the request; over HTTP only. */
  readonly closed: Promise<void>;
}

/** A real server over a real transport, whose every answer beyond the catalogue is given by the test. */
export interface ScriptedServer extends AsyncDisposable {
  /** Its entry in `mcp_servers`. */
  readonly entry: Json;
  readonly offer: Offer;
  /** Everything that came, in order. */
  readonly said: readonly Said[];
  /** Every connection that was opened and is open. */
  readonly links: ReadonlySet<Link>;
  /** Resolves with the next message of that method, not yet taken, come or to come. */
  next(method: string, fits?: (said: Said) => boolean): Promise<Said>;
  /** How many messages of that method came. */
  count(method: string): number;
  /** Says something to everyone who is connected: on a stateless server, to everyone who listens. */
  announce(method: string, params?: Json): void;
}

/** What a transport tells of what comes in, and asks for what the server answers by itself. */
export interface Inbox {
  readonly kind: ScriptedKind;
  readonly links: Set<Link>;
  /** A program that goes on when its input ends and when it is told to stop; over HTTP, `DELETE` is never answered. */
  readonly isStubborn: boolean;
  /** Streams of `subscriptions/listen`. */
  readonly listening: Map<Said, () => void>;
  received(said: Said): void;
}

export interface ScriptedOptions {
  readonly offer?: Offer;
  /** Methods that the test answers itself, although the server could. */
  readonly manual?: readonly string[];
  readonly isStubborn?: boolean;
}

export async function startScripted(
  kind: ScriptedKind,
  { offer = {}, manual = [], isStubborn = false }: ScriptedOptions = {},
): Promise<ScriptedServer> {
  const said: Said[] = [];
  const taken = new Set<Said>();
  const waiting = new Set<() => void>();
  const catalogue = new Catalogue(kind, offer);
  const inbox: Inbox = {
    kind,
    isStubborn,
    links: new Set(),
    listening: new Map(),
    received(one) {
      said.push(one);
      const { method } = one.message;
      if (method !== undefined && !manual.includes(method)) catalogue.answer(one, inbox);
      for (const look of [...waiting]) look();
    },
  };
  const stdio = kind === 'stdio' || kind === 'modern-stdio';
  const served = stdio ? await serveStdio(inbox) : await serveHttp(inbox);
  return {
    entry: served.entry,
    offer,
    said,
    links: inbox.links,
    next: (method, fits = () => true) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = said.find((one) => !taken.has(one) && one.message.method === method && fits(one));
          if (found === undefined) return;
          waiting.delete(look);
          taken.add(found);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    count: (method) => said.filter((one) => one.message.method === method).length,
    announce(method, params) {
      const message = { jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) };
      if (!isModern(kind)) for (const link of inbox.links) link.say(message);
      else
        for (const one of inbox.listening.keys())
          one.say({ ...message, params: { ...params, _meta: { [SUBSCRIPTION]: one.message.id } } });
    },
    [Symbol.asyncDispose]: served.close,
  };
}

export function refuseNothing(): never {
  throw new Error('only over streamable HTTP an answer has a status');
}

/** The progress token that a message was sent with. */
export function progressTokenOf({ params }: Message): unknown {
  return (params?.['_meta'] as Json | undefined)?.['progressToken'];
}

export const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';
