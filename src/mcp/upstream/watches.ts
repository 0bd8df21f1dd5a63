import { GatewayError } from '../../core/errors.ts';
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
  /** Subscriptions that the server has not answered yet. */
  readonly #subscribing = new Map<string, Promise<void>>();
  readonly #onTrouble: (reason: string) => void;
  readonly #onGap: () => void;
  #connection: Connection | undefined;
  /** Streams of a modern server, the newest last; older ones end when it has said its first word. */
  #streams: Cancellation[] = [];
  #relisten: NodeJS.Timeout | undefined;
  #failures = 0;
  #missed = false;

  /** `onGap`: for a while no stream was open, so that changes of lists may have been missed. */
  constructor(onTrouble: (reason: string) => void, onGap: () => void) {
    this.#onTrouble = onTrouble;
    this.#onGap = onGap;
  }

  get size(): number {
    return this.#counts.size;
  }

  /** Counts a watcher of `uri` in. Rejects with UpstreamFailure, or GatewayError when the server refuses; then nothing was counted. */
  async add(uri: string): Promise<void> {
    const isFirst = !this.#counts.has(uri);
    this.#counts.set(uri, (this.#counts.get(uri) ?? 0) + 1);
    if (isFirst && this.#connection !== undefined) {
      const subscribing = this.#subscribe(this.#connection, uri).finally(() => {
        if (this.#subscribing.get(uri) === subscribing) this.#subscribing.delete(uri);
      });
      this.#subscribing.set(uri, subscribing);
    }
    try {
      await this.#subscribing.get(uri);
    } catch (error) {
      this.#countOut(uri);
      throw error;
    }
  }

  /** Takes over what another one watched, before it is connected. */
  adopt(counts: ReadonlyMap<string, number>): void {
    for (const [uri, count] of counts) this.#counts.set(uri, count);
  }

  /** Counts a watcher out; the last one ends the subscription. */
  remove(uri: string): void {
    const connection = this.#connection;
    if (!this.#countOut(uri) || connection === undefined) return;
    if (connection.peer.era === 'modern') this.#listen(connection);
    else
      connection
        .ask('resources/unsubscribe', uriParams(uri), SUBSCRIBE_MS)
        .catch((error: unknown) => this.#trouble(error));
  }

  /** Whether it was the last. */
  #countOut(uri: string): boolean {
    const count = this.#counts.get(uri);
    if (count === undefined) return false;
    if (count > 1) this.#counts.set(uri, count - 1);
    else this.#counts.delete(uri);
    return count === 1;
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
    this.#missed = false;
    this.#endStreams('the connection ends');
  }

  async #subscribe(connection: Connection, uri: string): Promise<void> {
    if (connection.peer.era === 'modern') {
      if (!connection.offers('resources', 'subscribe')) throw refused('it tells of no changes of resources');
      this.#listen(connection);
      return;
    }
    const reply = await connection.ask('resources/subscribe', uriParams(uri), SUBSCRIBE_MS);
    if (reply.kind === 'error') throw refused(errorText(reply));
  }

  /** Opens the one stream of a modern server anew (2026-07-28, "Subscriptions"); the old one ends when the new one is open. */
  #listen(connection: Connection): void {
    clearTimeout(this.#relisten);
    const wanted = wantedOf(connection, [...this.#counts.keys()]);
    if (wanted === undefined) {
      this.#endStreams('nothing is watched any more');
      return;
    }
    const stream = new Cancellation();
    this.#streams.push(stream);
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
        cancellation: stream,
        related: (message) => {
          this.#failures = 0;
          this.#endBefore(stream);
          if (message.kind === 'notification') connection.events.onNotification(message);
          if (!this.#missed) return;
          this.#missed = false;
          this.#onGap();
        },
      })
      .then(
        (reply) => {
          if (reply.kind === 'error') {
            if (reply.error.value('code') === METHOD_UNKNOWN) {
              this.#remove(stream);
              return;
            }
            this.#failures++;
            this.#trouble(new Error(`it refused "${method}": ${errorText(reply)}`));
          }
          this.#again(connection, stream);
        },
        (error: unknown) => {
          if (stream.isCancelled || (error instanceof UpstreamFailure && error.kind === 'stopped')) return;
          this.#failures++;
          const isUnreachable = error instanceof UpstreamFailure && error.kind === 'connect';
          if (isUnreachable && this.#failures >= UNREACHABLE_MAX) {
            connection.events.onClosed(error.message);
            return;
          }
          this.#trouble(error);
          this.#again(connection, stream);
        },
      );
    // Over HTTP the old stream ends when the new one has said its first word, so that nothing is missed in between.
    if (peer.transport.kind !== 'http') this.#endBefore(stream);
  }

  #endBefore(stream: Cancellation): void {
    const at = this.#streams.indexOf(stream);
    if (at > 0) for (const old of this.#streams.splice(0, at)) old.cancel('a newer stream took over');
  }

  #endStreams(reason: string): void {
    for (const stream of this.#streams.splice(0)) stream.cancel(reason);
  }

  #remove(stream: Cancellation): void {
    this.#streams = this.#streams.filter((one) => one !== stream);
  }

  /** A stream ended that nobody ended here: it is opened again, unless a newer one is there. */
  #again(connection: Connection, ended: Cancellation): void {
    const isNewest = this.#streams.at(-1) === ended;
    this.#remove(ended);
    this.#missed ||= this.#streams.length === 0;
    if (this.#connection !== connection || !isNewest) return;
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

/** It is no trouble of the server's: the client asked for something that is not to be had. */
function refused(reason: string): GatewayError {
  return new GatewayError('rpc-params', {
    reason: `its server refuses to have this resource watched: ${reason}`,
  });
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
