import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { LlmConfig } from '../llm-config.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import { isWorthRetrying, standInsFor, waitMs } from './retries.ts';
import type { Router } from './router.ts';

/** `undefined`: the client was answered. A failure: nothing was written. */
export type Attempt = (deployment: Deployment) => Promise<LlmFailure | undefined>;

const RETRIES = 2;

export interface AttemptsDeps {
  readonly log: Log;
  readonly clock: Clock;
  /** A number from 0 to 1. */
  readonly random: () => number;
}

/** Asks one deployment after the other, until one has answered. */
export class Attempts {
  readonly #config: LlmConfig;
  readonly #router: Router;
  readonly #deps: AttemptsDeps;

  constructor(config: LlmConfig, router: Router, deps: AttemptsDeps) {
    this.#config = config;
    this.#router = router;
    this.#deps = deps;
  }

  /** Tries a model and those that stand in for it, until one has answered. Rejects with the last failure. */
  async answered(
    model: string,
    id: string,
    out: Pick<AnswerSink, 'isGone'>,
    outcome: LlmOutcome,
    attempt: Attempt,
  ): Promise<void> {
    const tried = new Set<string>();
    for (let name: string | undefined = model; name !== undefined; ) {
      tried.add(name);
      const failure = await this.#tryGroup(name, id, out, outcome, attempt);
      if (failure === undefined) return;
      if (out.isGone) throw failure;
      name = standInsFor(this.#router.canonical(model), failure, this.#config).find(
        (one) => !tried.has(one) && this.#router.members(one).length > 0,
      );
      if (name === undefined) throw failure;
    }
  }

  async #tryGroup(
    name: string,
    id: string,
    out: Pick<AnswerSink, 'isGone'>,
    outcome: LlmOutcome,
    attempt: Attempt,
  ): Promise<LlmFailure | undefined> {
    const router = this.#router;
    const { clock, log, random } = this.#deps;
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
        failure = await attempt(deployment);
      } finally {
        router.ended(deployment);
      }
      if (failure === undefined) {
        if (outcome.failure === undefined)
          router.succeeded(deployment, (outcome.firstContentMs ?? clock.monotonicMs()) - startedMs);
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
      if (retry >= (deployment.config.retriesMax ?? this.#config.router.retriesMax ?? RETRIES))
        return failure;
      const others = router.members(name).some((one) => !tried.has(one.id));
      const ms = others ? 0 : waitMs(retry, failure, random());
      if (ms === undefined) return failure;
      if (ms > 0) await wait(ms);
      if (out.isGone) return failure;
    }
  }
}

function resting(name: string, restMs: number): LlmFailure {
  return new LlmFailure(
    'overloaded',
    `No deployment of model "${name}" can be used now: all of them failed a moment ago. Try again in ${Math.ceil(restMs / 1_000)} s.`,
    { status: 503, code: 'no_healthy_deployment', retryAfterMs: restMs },
  );
}
