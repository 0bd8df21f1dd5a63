import { LlmFailure } from '../conversation/llm-failure.ts';
import type { LlmConfig } from '../llm-config.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { PriceBook } from '../usage/price-book.ts';
import { Groups, type ListedDeployment } from './groups.ts';
import { Health } from './health.ts';
import { pick } from './pick.ts';

const COOLDOWN_MS = 5_000;
const ALLOWED_FAILS = 3;

export interface RouterDeps {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** A number from 0 to 1. */
  readonly random: () => number;
  readonly prices: Pick<PriceBook, 'priceOf'>;
}

/** What one request says of the deployment that it went to. */
export type Verdict =
  | { readonly kind: 'answered'; readonly latencyMs: number; readonly tokens: number }
  /** It answered that the request is wrong. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly failure: LlmFailure; readonly tokens: number }
  /** The client went away, or the gateway itself failed. */
  | { readonly kind: 'unknown'; readonly tokens: number };

/** How a deployment does at this moment. */
export interface DeploymentState extends ListedDeployment {
  /** `resting`: it is not asked for a while, because it failed or said that it is busy. `failing`: it failed lately. */
  readonly state: 'healthy' | 'failing' | 'resting';
  readonly inFlight: number;
}

/** Which deployment answers: the groups of `model_list`, and how their members do. */
export class Router {
  readonly #config: LlmConfig['router'];
  readonly #deps: RouterDeps;
  readonly #groups: Groups;
  readonly #health = new Map<string, Health>();

  /** Throws an Error for an entry that cannot be used. */
  constructor(config: LlmConfig, deps: RouterDeps) {
    this.#config = config.router;
    this.#deps = deps;
    this.#groups = new Groups(config);
  }

  get names(): readonly string[] {
    return this.#groups.names;
  }

  /** The name of `model_list` that an alias stands for; any other name is its own. */
  canonical(name: string): string {
    return this.#groups.canonical(name);
  }

  members(name: string): readonly Deployment[] {
    return this.#groups.members(name);
  }

  /** How every deployment that is configured does. */
  states(): readonly DeploymentState[] {
    const nowMs = this.#deps.now();
    return this.#groups.deployments.map((one) => {
      const health = this.#health.get(one.id);
      const state =
        health?.restAt(nowMs) !== undefined
          ? 'resting'
          : health?.hasFailed(nowMs) === true
            ? 'failing'
            : 'healthy';
      return { ...one, state, inFlight: health?.inFlight ?? 0 };
    });
  }

  /**
   * The next deployment of a group to try: one that was not tried before, as long as there is one. `tries`: how often each was, by its id; those with
   * no more tries left are not in question. `undefined`: there is none; `restingFailure` says why.
   */
  choose(name: string, tries: ReadonlyMap<string, number>): Deployment | undefined {
    const candidates = this.#candidates(name, tries);
    if (candidates.length === 0) return undefined;
    const orders = candidates.map(({ config }) => config.order ?? Number.MAX_SAFE_INTEGER);
    const first = Math.min(...orders);
    return pick(
      candidates.filter((_, at) => orders[at] === first),
      {
        strategy: this.#config.strategy,
        nowMs: this.#deps.now(),
        random: this.#deps.random,
        healthOf: (one) => this.#of(one.id),
        prices: this.#deps.prices,
      },
    );
  }

  /** Whether some deployment of a group can be used that was not tried before. */
  hasFresh(name: string, tries: ReadonlyMap<string, number>): boolean {
    return this.#candidates(name, tries).some(({ id }) => !tries.has(id));
  }

  /** Whether some deployment of a group has a try left, now or later. */
  hasTriesLeft(name: string, tries: ReadonlyMap<string, number>): boolean {
    return this.members(name).some((one) => hasTryLeft(one, tries));
  }

  #candidates(name: string, tries: ReadonlyMap<string, number>): readonly Deployment[] {
    const nowMs = this.#deps.now();
    const usable = this.members(name).filter((one) => {
      const { id, config } = one;
      const health = this.#of(id);
      return (
        hasTryLeft(one, tries) &&
        health.restAt(nowMs) === undefined &&
        health.fullMs(nowMs, config.requestsPerMinute, config.tokensPerMinute) === 0
      );
    });
    const fresh = usable.filter(({ id }) => !tries.has(id));
    return fresh.length > 0 ? fresh : usable;
  }

  /** Why no deployment of a group can be asked now. */
  restingFailure(name: string): LlmFailure {
    const nowMs = this.#deps.now();
    let ms = Number.POSITIVE_INFINITY;
    let isBroken = false;
    for (const { id, config } of this.members(name)) {
      const health = this.#of(id);
      isBroken ||= health.restAt(nowMs) === 'failures';
      ms = Math.min(
        ms,
        Math.max(
          health.restMs(nowMs),
          health.fullMs(nowMs, config.requestsPerMinute, config.tokensPerMinute),
        ),
      );
    }
    const retryAfterMs = Math.max(1_000, ms);
    const again = `Try again in ${Math.ceil(retryAfterMs / 1_000)} s.`;
    return isBroken
      ? new LlmFailure(
          'overloaded',
          `No deployment of model "${name}" can be used now: they failed a moment ago. ${again}`,
          { status: 503, code: 'no_healthy_deployment', retryAfterMs },
        )
      : new LlmFailure(
          'rate-limit',
          `All deployments of model "${name}" have reached their limits for this minute. ${again}`,
          { status: 429, code: 'deployments_at_limit', retryAfterMs },
        );
  }

  began({ id }: Deployment): void {
    this.#of(id).began(this.#deps.now());
  }

  ended({ id, config }: Deployment, verdict: Verdict): void {
    const nowMs = this.#deps.now();
    const health = this.#of(id);
    health.ended(nowMs, verdict.kind === 'refused' ? 0 : verdict.tokens);
    switch (verdict.kind) {
      case 'answered':
        health.succeeded(nowMs, verdict.latencyMs);
        return;
      case 'refused':
        health.succeeded(nowMs, undefined);
        return;
      case 'failed': {
        const { allowedFails = ALLOWED_FAILS, cooldownMs = COOLDOWN_MS } = this.#config;
        const { kind, retryAfterMs } = verdict.failure;
        // What was too much may have been this one request: where nobody else could answer, each hears it from the provider itself.
        if (kind === 'rate-limit' && this.#isAlone(config.name)) return;
        if (retryAfterMs !== undefined)
          health.rest(nowMs + retryAfterMs, kind === 'rate-limit' ? 'rate-limit' : 'failures');
        health.failed(nowMs, allowedFails, cooldownMs);
        return;
      }
      case 'unknown':
    }
  }

  #isAlone(entry: string): boolean {
    return this.#groups.deployments.filter(({ model }) => model === entry).length === 1;
  }

  #of(id: string): Health {
    let health = this.#health.get(id);
    if (health === undefined) this.#health.set(id, (health = new Health()));
    return health;
  }
}

function hasTryLeft({ id, config }: Deployment, tries: ReadonlyMap<string, number>): boolean {
  return (tries.get(id) ?? 0) <= (config.retriesMax ?? Number.POSITIVE_INFINITY);
}
