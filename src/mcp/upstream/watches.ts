import { objectText } from '../wire/compose.ts';
import { outboundRequest } from '../wire/outbound.ts';
import { Cancellation } from '../../core/cancellation.ts';
import type { Connection } from './connection.ts';
import { UpstreamFailure } from './failure.ts';
import { errorText, plainWording, standardHeaders } from './peer.ts';

const SUBSCRIBE_MS = 30_000;
const LISTEN_MS = 365 * 24 * 60 * 60_000;
const RELISTEN_MS = 1_000;
const RELISTEN_MS_MAX = 60_000;
const METHOD_UNKNOWN = -32601;
/** Times in a row that nothing takes the connection until the server counts as gone. */
const UNREACHABLE_MAX = 3;

/**
 * What one server shall tell us of: changes of its lists, and changes of the resources that some client watches, each counted. A legacy
 * server is subscribed to resource by resource; a modern one is listened to on one stream, opened anew when the set changes. After a
 * reconnect everything is asked for again.
 */
export class Watches {
  readonly #counts = new Map<string, number>();
  readonly #onTrouble: (reason: string) => void;
  #connection: Connection | undefined;
  #listening: Cancellation | undefined;
  #relisten: NodeJS.Timeout | undefined;
  #failures = 0;

  constructor(onTrouble: (reason: string) => void) {
    this.#onTrouble = onTrouble;
  }

  get size(): number {
    return this.#counts.size;
  }

  /** Counts a watcher of `uri` in. Rejects with UpstreamFailure when the server refuses; then nothing was counted. */
  async add(uri: string): Promise<void> {
    const count = this.#counts.get(uri) ?? 0;
    this.#counts.set(uri, count + 1);
    if (count > 0 || this.#connection === undefined) return;
    try {
      await this.#subscribe(this.#connection, uri);
    } catch (error) {
      this.remove(uri);
      throw error;
    }
  }

  /** Counts a watcher out; the last one ends the subscription. */
  remove(uri: string): void {
    const count = this.#counts.get(uri);
    if (count === undefined) return;
    if (count > 1) {
      this.#counts.set(uri, count - 1);
      return;
    }
    this.#counts.delete(uri);
    const connection = this.#connection;
    if (connection === undefined) return;
    if (connection.peer.era === 'modern') this.#listen(connection);
    else
      connection
        .ask('resources/unsubscribe', uriParams(uri), SUBSCRIBE_MS)
        .catch((error: unknown) => this.#trouble(error));
  }

  /** Asks a new connection for everything. */
  begin(connection: Connection): void {
    this.end();
    this.#connection = connection;
    this.#failures = 0;
    if (connection.peer.era === 'modern') this.#listen(connection);
    else
      for (const uri of this.#counts.keys())
        this.#subscribe(connection, uri).catch((error: unknown) => this.#trouble(error));
  }

  /** The connection is gone; what was asked for is remembered. */
  end(): void {
    this.#connection = undefined;
    clearTimeout(this.#relisten);
    this.#listening?.cancel('the connection ends');
    this.#listening = undefined;
  }

  async #subscribe(connection: Connection, uri: string): Promise<void> {
    if (connection.peer.era === 'modern') {
      this.#listen(connection);
      return;
    }
    const reply = await connection.ask('resources/subscribe', uriParams(uri), SUBSCRIBE_MS);
    if (reply.kind === 'error')
      throw new UpstreamFailure('protocol', `it refused "resources/subscribe": ${errorText(reply)}`);
  }

  /** Opens the one stream of a modern server anew (2026-07-28, "Subscriptions"); the old one ends when the new one is open. */
  #listen(connection: Connection): void {
    clearTimeout(this.#relisten);
    const before = this.#listening;
    const wanted = wantedOf(connection, [...this.#counts.keys()]);
    if (wanted === undefined) {
      before?.cancel('nothing is watched any more');
      this.#listening = undefined;
      return;
    }
    const cancellation = new Cancellation();
    this.#listening = cancellation;
    const { peer } = connection;
    const id = peer.nextId();
    const method = 'subscriptions/listen';
    const wording = plainWording(peer.envelope, new Map([['notifications', wanted]]));
    peer.transport
      .request({
        id,
        method,
        message: outboundRequest(id, method, undefined, wording),
        headers: standardHeaders(peer, method),
        timeoutMs: LISTEN_MS,
        cancellation,
        related: (message) => {
          this.#failures = 0;
          before?.cancel('a newer stream took over');
          if (message.kind === 'notification') connection.events.onNotification(message);
        },
      })
      .then(
        (reply) => {
          if (reply.kind === 'error' && reply.error.value('code') === METHOD_UNKNOWN) return;
          this.#again(connection, cancellation);
        },
        (error: unknown) => {
          if (error instanceof UpstreamFailure && (error.kind === 'cancelled' || error.kind === 'stopped'))
            return;
          this.#failures++;
          if (
            error instanceof UpstreamFailure &&
            error.kind === 'connect' &&
            this.#failures >= UNREACHABLE_MAX
          ) {
            connection.events.onClosed(error.message);
            return;
          }
          this.#trouble(error);
          this.#again(connection, cancellation);
        },
      );
    // Over HTTP the old stream ends when the new one has said its first word, so that nothing is missed in between.
    if (peer.transport.kind !== 'http') before?.cancel('a newer stream takes over');
  }

  #again(connection: Connection, ended: Cancellation): void {
    if (this.#connection !== connection || this.#listening !== ended) return;
    this.#listening = undefined;
    this.#relisten = setTimeout(
      () => this.#listen(connection),
      Math.min(RELISTEN_MS * 2 ** this.#failures, RELISTEN_MS_MAX),
    );
    this.#relisten.unref();
  }

  #trouble(error: unknown): void {
    this.#onTrouble(error instanceof Error ? error.message : String(error));
  }
}

function uriParams(uri: string): Buffer {
  return Buffer.from(JSON.stringify({ uri }));
}

/** The filter of a listen request: what the server says that it can tell of; `undefined` when there is nothing. */
function wantedOf(connection: Connection, uris: readonly string[]): Buffer | undefined {
  const members: [string, Buffer | undefined][] = [
    ['toolsListChanged', connection.offers('tools', 'listChanged') ? TRUE : undefined],
    ['promptsListChanged', connection.offers('prompts', 'listChanged') ? TRUE : undefined],
    ['resourcesListChanged', connection.offers('resources', 'listChanged') ? TRUE : undefined],
    ['resourceSubscriptions', uris.length === 0 ? undefined : Buffer.from(JSON.stringify(uris))],
  ];
  return members.every(([, value]) => value === undefined) ? undefined : objectText(members);
}

const TRUE = Buffer.from('true');
