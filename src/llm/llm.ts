import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { HttpClient } from '../net/http-client.ts';
import type { Log } from '../telemetry/log.ts';
import { LlmFailure } from './conversation/llm-failure.ts';
import type { LlmCall } from './llm-call.ts';
import type { LlmConfig } from './llm-config.ts';
import type { AnswerSink } from './llm-ports.ts';
import { type LlmOutcome, newOutcome } from './outcome.ts';
import type { Deployment } from './providers/deployment.ts';
import { isWorthRetrying, standInsFor, waitMs } from './router/retries.ts';
import { Router } from './router/router.ts';
import { type AttemptDeps, attempt } from './upstream/attempt.ts';

export interface LlmDeps {
  readonly http: HttpClient;
  readonly log: Log;
  readonly clock: Clock;
  /** A number from 0 to 1. */
  readonly random: () => number;
  readonly bounds: { readonly keepAliveMs: number; readonly upstreamResponseBytesMax: number };
}

/** The models behind the gateway. */
export class Llm {
  readonly #config: LlmConfig;
  readonly #deps: LlmDeps;
  readonly #router: Router;

  /** Throws an Error for a model that cannot be used. */
  constructor(config: LlmConfig, deps: LlmDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#router = new Router(config, { now: () => deps.clock.monotonicMs(), random: deps.random });
  }

  /** Names that clients may ask for; wildcards as they are written. */
  get names(): readonly string[] {
    return this.#router.names;
  }

  has(model: string): boolean {
    return this.#router.members(model).length > 0;
  }

  members(model: string): readonly Deployment[] {
    return this.#router.members(model);
  }

  /**
   * Has a model answer, and writes the answer to `out`: tries deployment after deployment as long as nothing was written. Never rejects for trouble with
   * a provider: the outcome says what happened, and the client was told. Rejects with LlmFailure when nothing was written.
   */
  async generate(call: LlmCall, out: AnswerSink, id: string): Promise<LlmOutcome> {
    const outcome = newOutcome(this.#deps.clock.monotonicMs());
    let failure: LlmFailure | undefined;
    for (const name of [call.model, ...this.#standIns(call.model, () => failure)]) {
      failure = await this.#tryGroup(name, call, out, id, outcome);
      if (failure === undefined) return outcome;
      if (out.isGone) throw failure;
    }
    throw failure!;
  }

  /** Other names to try, decided when the one before has failed. */
  *#standIns(model: string, failure: () => LlmFailure | undefined): Generator<string> {
    const tried = new Set([model]);
    for (;;) {
      const reason = failure();
      if (reason === undefined) return;
      const next = standInsFor(model, reason, this.#config).find((name) => !tried.has(name) && this.has(name));
      if (next === undefined) return;
      tried.add(next);
      yield next;
    }
  }

  /** `undefined`: the client was answered. */
  async #tryGroup(
    name: string,
    call: LlmCall,
    out: AnswerSink,
    id: string,
    outcome: LlmOutcome,
  ): Promise<LlmFailure | undefined> {
    const router = this.#router;
    const { clock, log } = this.#deps;
    const tried = new Set<string>();
    let failure: LlmFailure | undefined;
    for (let retry = 0; ; retry++) {
      const deployment = router.choose(name, tried);
      if (deployment === undefined) return failure ?? resting(name, router.restMs(name));
      tried.add(deployment.id);
      const startedMs = clock.monotonicMs();
      router.began(deployment);
      try {
        outcome.attempts++;
        outcome.deployment = deployment;
        failure = await attempt(call, deployment, out, outcome, this.#attemptDeps(id));
      } finally {
        router.ended(deployment);
      }
      if (failure === undefined) {
        if (outcome.failure === undefined) router.succeeded(deployment, clock.monotonicMs() - startedMs);
        else router.failed(deployment, undefined);
        return undefined;
      }
      if (out.isGone) return failure;
      log.warn('a model did not answer', {
        request: id,
        model: name,
        deployment: deployment.id,
        provider: deployment.provider,
        kind: failure.kind,
        status: failure.status,
        reason: failure.message.slice(0, 500),
      });
      if (!isWorthRetrying(failure)) return failure;
      router.failed(deployment, failure.retryAfterMs);
      if (retry >= (deployment.config.retriesMax ?? this.#config.router.retriesMax ?? 2)) return failure;
      const others = router.members(name).some((one) => !tried.has(one.id));
      const ms = others ? 0 : waitMs(retry, failure, this.#deps.random());
      if (ms === undefined) return failure;
      if (ms > 0) await wait(ms);
      if (out.isGone) return failure;
    }
  }

  #attemptDeps(id: string): AttemptDeps {
    const { http, clock, bounds } = this.#deps;
    return { http, clock, bounds, id, router: this.#config.router, requestTimeoutMs: this.#config.requestTimeoutMs };
  }
}

function resting(name: string, restMs: number): LlmFailure {
  return new LlmFailure(
    'overloaded',
    `No deployment of model "${name}" can be used now: all of them failed a moment ago. Try again in ${Math.ceil(restMs / 1_000)} s.`,
    { status: 503, code: 'no_healthy_deployment', retryAfterMs: restMs },
  );
}
