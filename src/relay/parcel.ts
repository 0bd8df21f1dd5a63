import type { Era, RpcId, RpcMessage, RpcReply } from '../mcp/client-wire.ts';
import type { ResponseHead } from '../net/http-client.ts';

/** Requests that change nothing, so that they may be sent again when it is not known what became of them. */
const REPEATABLE: ReadonlySet<string> = new Set([
  'completion/complete',
  'initialize',
  'logging/setLevel',
  'ping',
  'prompts/get',
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/subscribe',
  'resources/templates/list',
  'resources/unsubscribe',
  'server/discover',
  'subscriptions/listen',
  'tasks/get',
  'tasks/list',
  'tools/list',
]);

export interface ParcelOptions {
  /** The messages' bytes as the client wrote them. */
  readonly body: Buffer;
  readonly messages: readonly RpcMessage[];
  readonly era: Era;
  /** Takes the reply to one of its requests; `text` is the message. */
  onReply(reply: RpcReply, text: Buffer, head: ResponseHead | undefined): void;
}

/** What the client wrote in one line, from its sending until each request in it is answered. */
export class Parcel {
  readonly body: Buffer;
  readonly messages: readonly RpcMessage[];
  readonly era: Era;
  readonly onReply: ParcelOptions['onReply'];
  /** Requests that are not answered yet: their ids as JSON text, by `idKey`. */
  readonly open = new Map<string, Buffer>();
  /** Ends its delivery. */
  readonly abort = new AbortController();
  /** Resolves when its last request is answered. */
  readonly answered: Promise<void>;
  #settle: () => void = () => undefined;
  /** Not with the other side now: it waits for another attempt. */
  isWaiting = true;
  /** The client no longer wants an answer. */
  isCancelled = false;
  /** A subscription that was accepted once. */
  isSubscribed = false;
  head: ResponseHead | undefined;
  /** Why something that came in its answer was left out. */
  oddity: string | undefined;

  constructor(options: ParcelOptions) {
    this.body = options.body;
    this.messages = options.messages;
    this.era = options.era;
    this.onReply = options.onReply;
    for (const message of options.messages)
      if (message.kind === 'request') this.open.set(idKey(message.id), message.idBytes);
    this.answered = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** The method of its first message; `undefined` for a response. */
  get method(): string | undefined {
    const first = this.messages[0]!;
    return first.kind === 'request' || first.kind === 'notification' ? first.method : undefined;
  }

  /** Whether it changes nothing when it arrives twice. */
  get isRepeatable(): boolean {
    return this.messages.every((message) => message.kind !== 'request' || REPEATABLE.has(message.method));
  }

  /** Hands over the reply to the request of that key. */
  close(key: string, reply: RpcReply, text: Buffer): void {
    this.open.delete(key);
    this.onReply(reply, text, this.head);
    if (this.open.size === 0) this.#settle();
  }
}

/** Tells the id 1 from the id "1". */
export function idKey(id: RpcId): string {
  return `${typeof id} ${id}`;
}
