import type { LlmConfig } from '../llm-config.ts';
import type { ModelConfig } from '../model-config.ts';
import { type Deployment, mockDeployment, toDeployment } from '../providers/deployment.ts';

const MOCK = mockDeployment('mock-response');
const COOLDOWN_MS = 5_000;
const ALLOWED_FAILS = 3;
const WINDOW_MS = 60_000;
/** Before a model's name makes a name that Claude Code's discovery keeps: it looks for the word. */
export const CLAUDE_VIA = 'claude-via-';

/** How a deployment has done lately. */
class Health {
  readonly #failedAt: number[] = [];
  restsUntil = 0;
  inFlight = 0;
  /** Milliseconds to the first byte, as a moving average; `undefined` until there was one. */
  latencyMs: number | undefined;

  /** Counts a failure; beyond `allowed` a minute the deployment rests. */
  failed(nowMs: number, allowed: number, cooldownMs: number): void {
    const first = this.#failedAt.findIndex((at) => nowMs - at <= WINDOW_MS);
    this.#failedAt.splice(0, first < 0 ? this.#failedAt.length : first);
    this.#failedAt.push(nowMs);
    if (this.#failedAt.length > allowed) this.rest(nowMs + cooldownMs);
  }

  rest(untilMs: number): void {
    this.restsUntil = Math.max(this.restsUntil, untilMs);
  }

  succeeded(latencyMs: number): void {
    this.#failedAt.length = 0;
    this.latencyMs = this.latencyMs === undefined ? latencyMs : this.latencyMs * 0.8 + latencyMs * 0.2;
  }
}

export interface RouterDeps {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** A number from 0 to 1. */
  readonly random: () => number;
}

/** Which deployment answers: the groups of `model_list`, how their members do, and who stands in for whom. */
export class Router {
  readonly #config: LlmConfig;
  readonly #deps: RouterDeps;
  readonly #groups = new Map<string, Deployment[]>();
  readonly #wildcards: {
    readonly prefix: string;
    readonly suffix: string;
    readonly deployment: Deployment;
  }[] = [];
  readonly #aliases = new Map<string, string>();
  readonly #health = new Map<string, Health>();

  /** Throws an Error for an entry that cannot be used. */
  constructor(config: LlmConfig, deps: RouterDeps) {
    this.#config = config;
    this.#deps = deps;
    for (const model of config.models) this.#add(model);
  }

  #add(model: ModelConfig): void {
    const deployment = toDeployment(model);
    const { aliases } = model.info;
    if (Array.isArray(aliases)) for (const alias of aliases) this.#aliases.set(String(alias), model.name);
    const star = model.name.indexOf('*');
    if (star >= 0) {
      this.#wildcards.push({
        prefix: model.name.slice(0, star),
        suffix: model.name.slice(star + 1),
        deployment,
      });
      return;
    }
    const group = this.#groups.get(model.name);
    if (group === undefined) this.#groups.set(model.name, [deployment]);
    else group.push(deployment);
  }

  /** Names that clients may ask for, in configuration order; wildcards as they are written. */
  get names(): readonly string[] {
    return [
      ...this.#groups.keys(),
      ...Object.keys(this.#config.router.groupAliases),
      ...this.#aliases.keys(),
      ...this.#wildcards.map(({ prefix, suffix }) => `${prefix}*${suffix}`),
    ];
  }

  /** The name of `model_list` that an alias stands for; any other name is its own. */
  canonical(name: string): string {
    if (this.#groups.has(name)) return name;
    const alias = this.#config.router.groupAliases[name] ?? this.#aliases.get(name);
    if (alias !== undefined) return alias;
    return this.#config.claudeDiscovery && name.startsWith(CLAUDE_VIA) ? name.slice(CLAUDE_VIA.length) : name;
  }

  /** The members of a group. `mock-response` is always there: it answers itself. */
  members(asked: string): readonly Deployment[] {
    const name = this.canonical(asked);
    const group = this.#groups.get(name);
    if (group !== undefined) return group;
    for (const { prefix, suffix, deployment } of this.#wildcards) {
      if (!name.startsWith(prefix) || !name.endsWith(suffix) || name.length < prefix.length + suffix.length)
        continue;
      const part = name.slice(prefix.length, name.length - suffix.length);
      return [{ ...deployment, model: deployment.model.replace('*', part) }];
    }
    return name === MOCK.config.name ? [MOCK] : [];
  }

  /** The next deployment of a group to try, other than those in `tried` while there are others; `undefined`: all of them rest. */
  choose(name: string, tried: ReadonlySet<string>): Deployment | undefined {
    const nowMs = this.#deps.now();
    const members = this.members(name);
    const awake = members.filter(({ id }) => this.#of(id).restsUntil <= nowMs);
    const fresh = awake.filter(({ id }) => !tried.has(id));
    const candidates = fresh.length > 0 ? fresh : awake;
    if (candidates.length === 0) return undefined;
    const first = Math.min(...candidates.map(({ config }) => config.order ?? Number.MAX_SAFE_INTEGER));
    const best = candidates.filter(({ config }) => (config.order ?? Number.MAX_SAFE_INTEGER) === first);
    return this.#pick(best);
  }

  /** When the first resting deployment of a group is used again, in milliseconds from now. */
  restMs(name: string): number {
    const nowMs = this.#deps.now();
    return Math.max(0, Math.min(...this.members(name).map(({ id }) => this.#of(id).restsUntil)) - nowMs);
  }

  #pick(candidates: readonly Deployment[]): Deployment {
    const by = (measure: (health: Health) => number): Deployment =>
      candidates.reduce((best, one) => (measure(this.#of(one.id)) < measure(this.#of(best.id)) ? one : best));
    switch (this.#config.router.strategy) {
      case 'least-busy':
        return by(({ inFlight }) => inFlight);
      case 'latency-based-routing':
        return by(({ latencyMs }) => latencyMs ?? 0);
      default: {
        const weights = candidates.map(
          ({ config }) => config.weight ?? config.requestsPerMinute ?? config.tokensPerMinute ?? 1,
        );
        let at = this.#deps.random() * weights.reduce((sum, weight) => sum + weight, 0);
        for (const [index, candidate] of candidates.entries()) {
          at -= weights[index]!;
          if (at < 0) return candidate;
        }
        return candidates.at(-1)!;
      }
    }
  }

  began({ id }: Deployment): void {
    this.#of(id).inFlight++;
  }

  ended({ id }: Deployment): void {
    this.#of(id).inFlight--;
  }

  succeeded({ id }: Deployment, latencyMs: number): void {
    this.#of(id).succeeded(latencyMs);
  }

  /** A failure that is the deployment's. `retryAfterMs`: what it said itself. */
  failed({ id }: Deployment, retryAfterMs: number | undefined): void {
    const { allowedFails = ALLOWED_FAILS, cooldownMs = COOLDOWN_MS } = this.#config.router;
    const nowMs = this.#deps.now();
    const health = this.#of(id);
    if (retryAfterMs !== undefined) health.rest(nowMs + retryAfterMs);
    health.failed(nowMs, allowedFails, cooldownMs);
  }

  #of(id: string): Health {
    let health = this.#health.get(id);
    if (health === undefined) this.#health.set(id, (health = new Health()));
    return health;
  }
}
