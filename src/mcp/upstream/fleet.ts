import { GatewayError } from '../../core/errors.ts';
import { withDeadline } from '../../core/scope.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import { sameServer } from '../mcp-config.ts';
import { Supervisor } from './supervisor.ts';
import type { SupervisorDeps } from './supervisor-deps.ts';

/** How long a server that was given up may take to close before its successor is started all the same. */
const RETIRE_MS = 10_000;
/** Milliseconds between looks at deadlines. */
const CHECK_MS = 250;

/** The supervisors of all configured servers, by name. */
export class Fleet implements AsyncDisposable {
  readonly #deps: SupervisorDeps;
  readonly #supervisors = new Map<string, Supervisor>();
  readonly #check: NodeJS.Timeout;

  constructor(servers: readonly ServerConfig[], deps: SupervisorDeps) {
    this.#deps = deps;
    for (const config of servers) this.#supervisors.set(config.name, new Supervisor(config, deps));
    this.#check = setInterval(() => {
      const nowMs = deps.clock.monotonicMs();
      for (const supervisor of this.#supervisors.values()) supervisor.check(nowMs);
    }, CHECK_MS).unref();
  }

  get(name: string): Supervisor | undefined {
    return this.#supervisors.get(name);
  }

  all(): readonly Supervisor[] {
    return [...this.#supervisors.values()];
  }

  /** Starts every server without waiting for any. */
  start(): void {
    for (const supervisor of this.#supervisors.values()) void supervisor.start();
  }

  /**
   * Has these servers from now on: everything is exchanged before the first await. One whose entry is the same keeps its connection and its
   * calls; one that is new is started, one that is gone is closed, one that has changed is closed and started anew. `onExchanged` is told of
   * those given up and of those that are new. Resolves when what was given up is closed; never rejects.
   */
  async reconfigure(
    servers: readonly ServerConfig[],
    onExchanged: (old: ReadonlyMap<string, Supervisor>, fresh: readonly Supervisor[]) => void,
  ): Promise<void> {
    const old = new Map(this.#supervisors);
    const fresh: Supervisor[] = [];
    this.#supervisors.clear();
    for (const server of servers) {
      const known = old.get(server.name);
      const isSame = known !== undefined && sameServer(known.config, server);
      const supervisor = isSame ? known : new Supervisor(server, this.#deps);
      this.#supervisors.set(server.name, supervisor);
      if (isSame) old.delete(server.name);
      else fresh.push(supervisor);
    }
    onExchanged(old, fresh);
    const retired = new Map([...old].map(([name, supervisor]) => [name, this.#retire(supervisor)]));
    // Two of one server at once may want the same port, file or lock.
    for (const supervisor of fresh) void supervisor.start(retired.get(supervisor.config.name));
    await Promise.all(retired.values());
  }

  /** Ends a server and starts it anew. Throws `server-unknown`. */
  async restart(name: string): Promise<void> {
    const supervisor = this.#supervisors.get(name) ?? this.all().find(({ config }) => config.alias === name);
    if (supervisor === undefined)
      throw new GatewayError('server-unknown', {
        name: name.slice(0, 100),
        known: [...this.#supervisors.keys()].join(', '),
      });
    await supervisor.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#check);
    await Promise.all(this.all().map((supervisor) => supervisor[Symbol.asyncDispose]()));
  }

  /** Never rejects. */
  #retire(supervisor: Supervisor): Promise<void> {
    const closing = Promise.resolve(supervisor[Symbol.asyncDispose]());
    return withDeadline(closing, RETIRE_MS, 'closing').catch((error: unknown) =>
      this.#deps.log.warn('a server that was given up did not close', {
        server: supervisor.config.name,
        error,
      }),
    );
  }
}
