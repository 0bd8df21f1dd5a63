import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { HttpClient } from '../net/http-client.ts';
import type { Log } from '../telemetry/log.ts';
import { planTools } from './agent/plan.ts';
import { runLoop } from './agent/loop.ts';
import { Dropped } from './conversation/dropped.ts';
import type { AnswerFacts } from './conversation/format.ts';
import { LlmFailure } from './conversation/llm-failure.ts';
import type { JsonObject } from './conversation/parts.ts';
import { FORMATS } from './formats/formats.ts';
import { type LlmCall, valueOf } from './llm-call.ts';
import type { LlmConfig } from './llm-config.ts';
import type { AnswerSink, ToolHost } from './llm-ports.ts';
import type { LlmOutcome } from './outcome.ts';
import type { Deployment } from './providers/deployment.ts';
import { isWorthRetrying, standInsFor, waitMs } from './router/retries.ts';
import { Router } from './router/router.ts';
import type { ResponseState } from './state/response-state.ts';
import { ClientAnswer } from './turn/client-answer.ts';
import { takeTurn, type TurnCall, understand } from './turn/converse.ts';
import type { TurnResult, TurnTaker } from './turn/turn.ts';
import { type AttemptDeps, formatFor } from './upstream/attempt-deps.ts';
import { forward } from './upstream/forward.ts';
import { answerHeaders } from './upstream/headers.ts';

export interface LlmDeps {
  readonly http: HttpClient;
  readonly log: Log;
  readonly clock: Clock;
  /** A number from 0 to 1. */
  readonly random: () => number;
  readonly bounds: { readonly keepAliveMs: number; readonly upstreamResponseBytesMax: number };
  readonly state: ResponseState;
}

/** Who asks, and where the answer goes. */
export interface LlmContext {
  /** Of the request. */
  readonly id: string;
  readonly keyId: string;
  readonly out: AnswerSink;
  readonly outcome: LlmOutcome;
  /** The servers behind the gateway, where the request may use them. */
  readonly host: ToolHost | undefined;
}

/** `undefined`: the client was answered. A failure: nothing was written. */
type Attempt = (deployment: Deployment) => Promise<LlmFailure | undefined>;

const RETRIES = 2;
const TOOL_BOUNDS = { roundsMax: 10, callMs: 120_000, resultCharactersMax: 200_000 } as const;

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
    return this.members(model).length > 0;
  }

  members(model: string): readonly Deployment[] {
    return this.#router.members(model);
  }

  /**
   * Has a model answer, and writes the answer to `out`: deployment after deployment is tried as long as nothing was written. What goes wrong later is told
   * to the client in its format, and to `outcome`. Rejects with LlmFailure when nothing was written.
   */
  async generate(asked: LlmCall, { id, keyId, out, outcome, host }: LlmContext): Promise<void> {
    const deps = this.#attemptDeps(id, keyId);
    const call = await this.#deps.state.expand(asked, keyId);
    if (call.wantsTools && host !== undefined && (await this.#withTools(call, out, outcome, deps, host)))
      return;
    const isMocked = call.text.has('mock_response');
    const translate = this.#translator(call, out, outcome, deps);
    await this.#answered(call.model, id, out, outcome, (deployment) =>
      !deployment.isMock &&
      !isMocked &&
      !isArray(call) &&
      formatFor(deployment, call.route.format) === call.route.format
        ? forward(call, deployment, out, outcome, deps)
        : translate(deployment),
    );
  }

  /** An attempt by way of no format: for providers that speak another one than the client, and for mocks. */
  #translator(call: LlmCall, out: AnswerSink, outcome: LlmOutcome, deps: AttemptDeps): Attempt {
    const dropped = new Dropped();
    const source = valueOf(call);
    return async (deployment) => {
      const facts = understand(call, source, dropped, deps);
      const answer = this.#clientAnswer(call, facts, out, outcome, dropped, deps);
      const result = await takeTurn(
        { call, request: facts.request, source, deployment, dropped },
        {
          onCommit: (head) => {
            outcome.firstContentMs = deps.clock.monotonicMs();
            answer.begin(head);
          },
          onEvents: (events) => answer.take(events),
          onDrain: (listener) => answer.onDrain(listener),
        },
        out,
        outcome,
        deps,
      );
      outcome.endedMs = deps.clock.monotonicMs();
      outcome.usage = result.usage;
      if (result.kind === 'done') {
        outcome.stop = result.stop;
        answer.end();
        return undefined;
      }
      answer.leave();
      if (result.kind === 'failed' || !answer.hasBegun || out.isGone) return result.failure;
      outcome.failure = result.failure;
      answer.fail(result.failure);
      return undefined;
    };
  }

  #clientAnswer(
    call: LlmCall,
    facts: AnswerFacts,
    out: AnswerSink,
    outcome: LlmOutcome,
    dropped: Dropped,
    deps: AttemptDeps,
  ): ClientAnswer {
    return new ClientAnswer({
      format: FORMATS[call.route.format],
      facts,
      isStream: call.isStream,
      isArray: isArray(call),
      out,
      headers: (head) =>
        answerHeaders(head, { call, deployment: outcome.deployment!, dropped, outcome, id: deps.id }),
      pingMs: deps.bounds.keepAliveMs,
      onAnswer: call.route.format === 'responses' ? (answer) => this.#keep(call, answer, deps) : undefined,
      monotonicMs: () => deps.clock.monotonicMs(),
    });
  }

  /** Keeps an answer that the client may refer to. It has it already: trouble with that is the operator's. */
  #keep(call: LlmCall, answer: JsonObject, { id, keyId }: AttemptDeps): void {
    const { state, log } = this.#deps;
    state
      .keep(call, answer, keyId)
      .catch((error: unknown) =>
        log.warn('an answer could not be kept, so that no request can refer to it', { request: id, error }),
      );
  }

  /** Has a model answer that may use our tools. `false`: none of ours are asked for. */
  async #withTools(
    call: LlmCall,
    out: AnswerSink,
    outcome: LlmOutcome,
    deps: AttemptDeps,
    host: ToolHost,
  ): Promise<boolean> {
    const dropped = new Dropped();
    const source = valueOf(call);
    const facts = understand(call, source, dropped, deps);
    const named = call.headers['x-mcp-servers'];
    const servers = typeof named === 'string' ? named : undefined;
    const plan = await planTools(facts.request, { servers, host: call.headers.host }, host);
    if (plan === undefined) return false;
    const gone = new AbortController();
    const forget = out.onGone(() => gone.abort());
    const answer = this.#clientAnswer(call, facts, out, outcome, dropped, deps);
    try {
      const result = await runLoop({
        plan,
        host,
        bounds: TOOL_BOUNDS,
        signal: gone.signal,
        newId: facts.newId,
        turn: (request, taker) => this.#turn({ call, request, source, dropped }, taker, out, outcome, deps),
        emit: (events) => answer.take(events),
        onDrain: (listener) => answer.onDrain(listener),
        onCommit: (head) => {
          outcome.firstContentMs = deps.clock.monotonicMs();
          answer.begin(head);
        },
      });
      outcome.usage = result.usage;
      outcome.endedMs = deps.clock.monotonicMs();
      if (result.kind === 'done') answer.end();
      else if (answer.hasBegun && !out.isGone) {
        outcome.failure = result.failure;
        answer.fail(result.failure);
      } else throw result.failure;
    } finally {
      answer.leave();
      forget();
    }
    return true;
  }

  /** One turn of a model, whichever deployment takes it. */
  async #turn(
    turn: Omit<TurnCall, 'deployment'>,
    taker: TurnTaker,
    out: AnswerSink,
    outcome: LlmOutcome,
    deps: AttemptDeps,
  ): Promise<TurnResult> {
    let result: TurnResult | undefined;
    try {
      await this.#answered(turn.call.model, deps.id, out, outcome, async (deployment) => {
        result = await takeTurn({ ...turn, deployment }, taker, out, outcome, deps);
        return result.kind === 'failed' ? result.failure : undefined;
      });
    } catch (error) {
      if (!(error instanceof LlmFailure)) throw error;
      return { kind: 'failed', failure: error, usage: undefined };
    }
    return result!;
  }

  /** Tries a model and those that stand in for it, until one has answered. Rejects with the last failure. */
  async #answered(
    model: string,
    id: string,
    out: AnswerSink,
    outcome: LlmOutcome,
    attempt: Attempt,
  ): Promise<void> {
    const tried = new Set<string>();
    for (let name: string | undefined = model; name !== undefined; ) {
      tried.add(name);
      const failure = await this.#tryGroup(name, id, out, outcome, attempt);
      if (failure === undefined) return;
      if (out.isGone) throw failure;
      name = standInsFor(model, failure, this.#config).find((one) => !tried.has(one) && this.has(one));
      if (name === undefined) throw failure;
    }
  }

  async #tryGroup(
    name: string,
    id: string,
    out: AnswerSink,
    outcome: LlmOutcome,
    attempt: Attempt,
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
      const ms = others ? 0 : waitMs(retry, failure, this.#deps.random());
      if (ms === undefined) return failure;
      if (ms > 0) await wait(ms);
      if (out.isGone) return failure;
    }
  }

  #attemptDeps(id: string, keyId: string): AttemptDeps {
    const { http, clock, bounds } = this.#deps;
    return {
      http,
      clock,
      bounds,
      id,
      keyId,
      router: this.#config.router,
      requestTimeoutMs: this.#config.requestTimeoutMs,
    };
  }
}

/** Whether the client wants a stream as one JSON list. */
function isArray({ route, isStream }: LlmCall): boolean {
  return route.format === 'gemini' && isStream && route.framing === 'array';
}

function resting(name: string, restMs: number): LlmFailure {
  return new LlmFailure(
    'overloaded',
    `No deployment of model "${name}" can be used now: all of them failed a moment ago. Try again in ${Math.ceil(restMs / 1_000)} s.`,
    { status: 503, code: 'no_healthy_deployment', retryAfterMs: restMs },
  );
}
