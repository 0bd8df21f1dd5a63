import type { SeededRandom } from '../seeded-random.ts';
import { type ChaosClient, type ChaosKind, connectChaos } from './clients.ts';
import { failureOutcome, type Outcome } from './outcome.ts';
import type { ChaosServer } from './servers.ts';

/** One call, from its client's side. Times are of `performance.now()`. */
export interface CallSeen {
  readonly nonce: string;
  readonly traceId: string;
  readonly client: ChaosKind;
  readonly server: string;
  readonly tool: string;
  readonly from: number;
  readonly to: number;
  readonly outcome: Outcome;
}

/** One list of tools that a client was given, or why it was not. */
export interface ListSeen {
  readonly client: ChaosKind;
  readonly from: number;
  readonly to: number;
  readonly names: readonly string[] | undefined;
  readonly failure: Outcome | undefined;
}

export interface Seen {
  readonly calls: CallSeen[];
  readonly lists: ListSeen[];
}

/** A call without an answer for so long has none; every bound of the gateway's is shorter. */
const PATIENCE_MS = 20_000;
/** A gateway that is stopped accepts nobody while it lets calls end and stops its servers, and on a busy machine takes its time to start again. */
const CONNECT_MS = 60_000;
const RECONNECT_MS = 100;

/** One client with its own randomness, that works as long as it is told to. */
export class Worker {
  readonly kind: ChaosKind;
  readonly #index: number;
  readonly #key: string;
  readonly #base: () => string;
  readonly #servers: readonly ChaosServer[];
  readonly #random: SeededRandom;
  readonly #seen: Seen;
  readonly #misplaced: string[] = [];
  #client: ChaosClient | undefined;
  /** Of each request in flight, for itself alone: SDKs keep listening to the signal of a call that is over. */
  readonly #aborts = new Set<AbortController>();
  #sent = 0;

  constructor(
    kind: ChaosKind,
    index: number,
    key: string,
    base: () => string,
    servers: readonly ChaosServer[],
    random: SeededRandom,
    seen: Seen,
  ) {
    this.kind = kind;
    this.#index = index;
    this.#key = key;
    this.#base = base;
    this.#servers = servers;
    this.#random = random;
    this.#seen = seen;
  }

  /** Progress that came for another call than its own, of all connections so far. */
  get misplaced(): readonly string[] {
    return [...this.#misplaced, ...(this.#client?.misplaced() ?? [])];
  }

  /** Gives up what is in flight: after the gateway was killed, nobody answers it. SDK clients would wait for their own deadline. */
  giveUp(): void {
    for (const abort of this.#aborts) abort.abort(new Error('aborted: the gateway was restarted'));
  }

  /** Sends so many requests, with a pause before each. */
  async run(requests: number, pauseMs: number): Promise<void> {
    for (let request = 0; request < requests; request++) {
      await new Promise((resolve) => setTimeout(resolve, this.#random.next() * 2 * pauseMs));
      await this.step();
    }
  }

  /** Works until this is aborted. */
  async runUntil(stop: AbortSignal, pauseMs: number): Promise<void> {
    while (!stop.aborted) await this.run(1, pauseMs);
  }

  /** One request: mostly a call, sometimes the list. */
  async step(server = this.#random.pick(this.#servers)): Promise<void> {
    const client = await this.#connected();
    if (this.#random.int(12) === 0) await this.#list(client);
    else await this.#call(client, server);
  }

  /** One call of this server. */
  async callOnce(server: ChaosServer): Promise<Outcome> {
    return await this.#call(await this.#connected(), server);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    this.#misplaced.push(...client.misplaced());
    await client.close();
  }

  async #call(client: ChaosClient, server: ChaosServer): Promise<Outcome> {
    const number = ++this.#sent;
    const nonce = `n${this.#index}x${number}`;
    const traceId = `c0ffee${this.#index.toString(16).padStart(4, '0')}${number.toString(16).padStart(22, '0')}`;
    const write = server.writes && this.#random.int(4) === 0;
    const { tool, args } = write ? { tool: 'write', args: { nonce } } : server.echo(nonce, this.#random);
    const from = performance.now();
    const meta = { traceparent: `00-${traceId}-00000000000000f1-01` };
    const outcome = await this.#patiently((signal) =>
      client.call(`${server.name}-${tool}`, args, meta, signal),
    );
    const to = performance.now();
    this.#seen.calls.push({
      nonce,
      traceId,
      client: this.kind,
      server: server.name,
      tool,
      from,
      to,
      outcome,
    });
    if (outcome.kind === 'lost') await this.#lost();
    return outcome;
  }

  async #list(client: ChaosClient): Promise<void> {
    const from = performance.now();
    const seen = { client: this.kind, from };
    try {
      const names = await this.#patiently((signal) => client.list(signal));
      this.#seen.lists.push({ ...seen, to: performance.now(), names, failure: undefined });
    } catch (error) {
      const failure = failureOutcome(error);
      this.#seen.lists.push({ ...seen, to: performance.now(), names: undefined, failure });
      if (failure.kind === 'lost') await this.#lost();
    }
  }

  /** Over HTTP+SSE the session is the stream, so that it is gone with the gateway; every other client goes on with what it has. */
  async #lost(): Promise<void> {
    if (this.kind === 'sdk v1 sse') await this.close();
  }

  async #connected(): Promise<ChaosClient> {
    for (const giveUpAt = performance.now() + CONNECT_MS; this.#client === undefined; ) {
      try {
        this.#client = await connectChaos(this.kind, this.#base(), this.#key);
      } catch (error) {
        if (performance.now() > giveUpAt) throw error;
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
      }
    }
    return this.#client;
  }

  async #patiently<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    this.#aborts.add(abort);
    const timer = setTimeout(() => abort.abort(new Error('aborted: timed out')), PATIENCE_MS);
    try {
      return await act(abort.signal);
    } finally {
      clearTimeout(timer);
      this.#aborts.delete(abort);
    }
  }
}
