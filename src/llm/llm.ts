import type { Bounds } from '../core/bounds.ts';
import type { Clock } from '../core/clock.ts';
import type { HttpClient } from '../net/http-client.ts';
import type { Tracer } from '../core/trace.ts';
import type { Log } from '../telemetry/log.ts';
import { planTools } from './agent/plan.ts';
import { runLoop } from './agent/loop.ts';
import { timedHost } from './agent/timed-host.ts';
import { Dropped } from './conversation/dropped.ts';
import type { AnswerFacts } from './conversation/format.ts';
import { LlmFailure, PREVIOUS_NOT_FOUND } from './conversation/llm-failure.ts';
import type { JsonObject } from './conversation/parts.ts';
import { countTokens } from './counting/count-tokens.ts';
import { type CallEstimate, closerEstimate, estimateCall } from './counting/estimate-call.ts';
import { embed } from './embedding/embed.ts';
import { FORMATS } from './formats/formats.ts';
import { type LlmCall, valueOf } from './llm-call.ts';
import type { LlmConfig } from './llm-config.ts';
import type { AnswerSink, ToolHost } from './llm-ports.ts';
import { ModelCatalog } from './model-catalog.ts';
import type { LlmOutcome } from './outcome.ts';
import type { Deployment } from './providers/deployment.ts';
import { type AskedRouting, readRouting } from './router/asked-routing.ts';
import { type DeploymentState, Router } from './router/router.ts';
import { type Try, tryModels, type TryResult } from './router/try-deployments.ts';
import type { ConnectionMemory } from './state/connection-memory.ts';
import { keepingSink } from './state/keeping-sink.ts';
import { rememberingSink } from './state/remembering-sink.ts';
import { type AnswerOrigin, goesOnElsewhere, type ResponseState } from './state/response-state.ts';
import { ClientAnswer } from './turn/client-answer.ts';
import { takeTurn, type TurnCall, understand } from './turn/converse.ts';
import type { TurnResult, TurnTaker } from './turn/turn.ts';
import { answerWarmUp, isWarmUp } from './turn/warm-up.ts';
import { type Quoted, quote } from './quote.ts';
import { PriceBook } from './usage/price-book.ts';
import { type Attempt, type AttemptDeps, formatFor } from './upstream/attempt-deps.ts';
import { bringsForeignTokens, isAtProvider } from './upstream/foreign-tokens.ts';
import { forward } from './upstream/forward.ts';
import { answerHeaders } from './upstream/headers.ts';
import { Prepared } from './upstream/prepared.ts';

export interface LlmDeps {
  readonly http: HttpClient;
  readonly log: Log;
  readonly tracer: Tracer;
  readonly clock: Clock;
  /** A number from 0 to 1. */
  readonly random: () => number;
  readonly bounds: Pick<
    Bounds,
    'keepAliveMs' | 'upstreamResponseBytesMax' | 'maxToolRounds' | 'toolCallMs' | 'toolResultCharactersMax'
  >;
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
  /** Of the connection that the request came on, where there is one that lasts. */
  readonly memory: ConnectionMemory | undefined;
  /** Whether who asks may use a model, for those that the request names as stand-ins. */
  readonly mayUse: (model: string) => boolean;
}

/** One request and its way. */
interface RoutedCall {
  readonly call: LlmCall;
  readonly routing: AskedRouting;
  readonly out: AnswerSink;
  readonly outcome: LlmOutcome;
}

/** The models behind the gateway. */
export class Llm {
  readonly #config: LlmConfig;
  readonly #deps: LlmDeps;
  readonly #router: Router;
  readonly #prices = new PriceBook();
  readonly #prepared = new Prepared();
  /** Seconds since the Unix epoch. */
  readonly #since: number;

  /** Throws an Error for a model that cannot be used. */
  constructor(config: LlmConfig, deps: LlmDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#since = Math.floor(deps.clock.now() / 1_000);
    this.#router = new Router(config, {
      now: () => deps.clock.monotonicMs(),
      random: deps.random,
      prices: this.#prices,
    });
  }

  /** Names that clients may ask for; wildcards as they are written. */
  get names(): readonly string[] {
    return this.#router.names;
  }

  /** What is known of the models. */
  get catalog(): ModelCatalog {
    return new ModelCatalog(this.#config, this.#router, this.#prices, this.#since);
  }

  /** How the deployments do at this moment. */
  deploymentStates(): readonly DeploymentState[] {
    return this.#router.states();
  }

  /** The name in `model_list` that a client's name leads to, wildcards as they are written. */
  entryOf(model: string): string | undefined {
    return this.members(model)[0]?.config.name;
  }

  /** What a request to a model would cost, or did, in US dollars; `undefined` when there is no such model or nobody said what it costs. */
  quote(model: string, asked: Quoted): number | undefined {
    const [deployment] = this.members(this.canonical(model));
    return deployment && quote(deployment, asked, this.#prices);
  }

  /** The name of `model_list` that an alias stands for. */
  canonical(model: string): string {
    return this.#router.canonical(model);
  }

  has(model: string): boolean {
    return this.members(model).length > 0;
  }

  members(model: string): readonly Deployment[] {
    return this.#router.members(model);
  }

  /** What a request may use at most, cheaply; `closer` looks at everything in it. */
  estimate(call: LlmCall, closer = false): CallEstimate {
    return (closer ? closerEstimate : estimateCall)(call, this.members(call.model), this.#prices);
  }

  /**
   * Has a model answer, and writes the answer to `out`: deployment after deployment is tried as long as nothing was written. What goes wrong later is told
   * to the client in its format, and to `outcome`. Rejects with LlmFailure when nothing was written.
   */
  generate(call: LlmCall, context: LlmContext): Promise<void> {
    return call.route.format === 'responses' || context.memory !== undefined
      ? this.#continue(call, context)
      : this.#generate(call, context);
  }

  /** Has a model answer a request that may refer to answers before it. */
  async #continue(asked: LlmCall, context: LlmContext): Promise<void> {
    const { id, keyId, outcome, memory } = context;
    const { state } = this.#deps;
    const call = await state.expand(asked, keyId, memory);
    if (memory === undefined) return this.#generate(call, context);
    const isNothing = isWarmUp(call);
    // What is not stored is known to this connection alone.
    const isOwn = isNothing || call.text.slice('store')?.toString('latin1') === 'false';
    const whole = isOwn ? await state.expandAll(call, keyId) : call;
    const out = isOwn && !goesOnElsewhere(whole) ? rememberingSink(context.out, whole, memory) : context.out;
    if (!isNothing) return this.#generate(call, { ...context, out });
    answerWarmUp(understand(call, valueOf(call), new Dropped(), this.#attemptDeps(id, keyId)), out, outcome);
  }

  async #generate(call: LlmCall, context: LlmContext): Promise<void> {
    const { id, keyId, out, outcome, host } = context;
    const deps = this.#attemptDeps(id, keyId);
    const routing = readRouting(call, (model) => this.has(model) && context.mayUse(model));
    if (call.wantsTools && host !== undefined && (await this.#withTools(call, routing, context, deps, host)))
      return;
    const isMocked = call.text.has('mock_response');
    let translator: Try | undefined;
    const translate: Try = async (deployment, refused) => {
      translator ??= this.#translator(await this.#deps.state.expandAll(call, keyId), out, outcome, deps);
      return translator(deployment, refused);
    };
    await this.#tried({ call, routing, out, outcome }, deps, async (deployment, refused) => {
      const isForwarded =
        !deployment.isMock &&
        !isMocked &&
        !isArray(call) &&
        formatFor(deployment, call.route.format) === call.route.format;
      if (!isForwarded || (isAtProvider(deployment) && bringsForeignTokens(call)))
        return translate(deployment, refused);
      const result = await forward(call, deployment, this.#kept(call, out, deps), outcome, deps, refused);
      if (!isRefusal(result.failure)) return result;
      // An answer may be kept by another account than this deployment's.
      if (isPreviousUnknown(result.failure, call)) {
        const whole = await this.#deps.state.expandAll(call, keyId, true);
        return this.#translator(whole, out, outcome, deps)(deployment, refused);
      }
      // Tokens may be those of another gateway, which knows them.
      return bringsForeignTokens(call) ? translate(deployment, refused) : result;
    });
  }

  #tried({ call, routing, out, outcome }: RoutedCall, { id }: AttemptDeps, attempt: Try): Promise<void> {
    const { operation } = call.route;
    return tryModels({ id, model: call.model, operation, asked: routing, out, outcome }, attempt, {
      ...this.#deps,
      router: this.#router,
      config: this.#config,
    });
  }

  /** Counts the tokens of a request. Rejects with LlmFailure when nothing was written. */
  async countTokens(asked: LlmCall, context: LlmContext): Promise<void> {
    const { id, keyId, out, outcome, memory } = context;
    const call = await this.#deps.state.expand(asked, keyId, memory);
    const deps = this.#attemptDeps(id, keyId);
    return this.#answered(call, context, countTokens(call, out, outcome, deps));
  }

  /** Turns texts into vectors. Rejects with LlmFailure when nothing was written. */
  embed(call: LlmCall, context: LlmContext): Promise<void> {
    const { id, keyId, out, outcome } = context;
    const deps = this.#attemptDeps(id, keyId);
    return this.#answered(call, context, embed(call, out, outcome, deps));
  }

  /** Has one deployment after the other asked for something whole. */
  #answered(call: LlmCall, context: LlmContext, attempt: Attempt): Promise<void> {
    const { id, keyId, out, outcome } = context;
    const routing = readRouting(call, (model) => this.has(model) && context.mayUse(model));
    return this.#tried({ call, routing, out, outcome }, this.#attemptDeps(id, keyId), async (deployment) => ({
      failure: await attempt(deployment),
      broken: outcome.failure,
      usage: outcome.usage,
    }));
  }

  /** An attempt by way of no format: for providers that speak another one than the client, and for mocks. */
  #translator(call: LlmCall, out: AnswerSink, outcome: LlmOutcome, deps: AttemptDeps): Try {
    const source = valueOf(call);
    return async (deployment, refused): Promise<TryResult> => {
      const dropped = new Dropped();
      const facts = understand(call, source, dropped, deps);
      const answer = this.#clientAnswer(call, facts, out, outcome, dropped, deps);
      const result = await takeTurn(
        { call, request: facts.request, source, deployment, refused, dropped },
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
      const { usage } = result;
      if (result.kind === 'done') {
        outcome.stop = result.stop;
        answer.end();
        return { failure: undefined, broken: undefined, usage };
      }
      answer.leave();
      const { failure } = result;
      if (result.kind === 'failed' || !answer.hasBegun || out.isGone)
        return { failure, broken: undefined, usage };
      outcome.failure = failure;
      answer.fail(failure);
      return { failure: undefined, broken: failure, usage };
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
        answerHeaders(head, {
          call,
          deployment: outcome.deployment!,
          dropped,
          outcome,
          id: deps.id,
          nowMs: deps.clock.monotonicMs(),
        }),
      pingMs: deps.bounds.keepAliveMs,
      onAnswer:
        call.route.format === 'responses'
          ? (answer) => {
              const isMock = outcome.deployment?.isMock === true || call.text.has('mock_response');
              this.#keep(call, answer, deps, isMock ? 'mock' : 'gateway');
            }
          : undefined,
      monotonicMs: () => deps.clock.monotonicMs(),
    });
  }

  /** Where an answer goes that its provider keeps, unless the client says otherwise. */
  #kept(call: LlmCall, out: AnswerSink, deps: AttemptDeps): AnswerSink {
    if (call.route.format !== 'responses' || call.text.slice('store')?.toString('latin1') === 'false')
      return out;
    return keepingSink(out, (answer) => this.#keep(call, answer, deps, 'provider'));
  }

  /** Keeps an answer that the client may refer to. It has it already: trouble with that is the operator's. */
  #keep(call: LlmCall, answer: JsonObject, { id, keyId }: AttemptDeps, origin: AnswerOrigin): void {
    const { state, log } = this.#deps;
    state
      .keep(call, answer, keyId, origin)
      .catch((error: unknown) =>
        log.warn('an answer could not be kept, so that no request can refer to it', { request: id, error }),
      );
  }

  /** Has a model answer that may use our tools. `false`: none of ours are asked for. */
  async #withTools(
    asked: LlmCall,
    routing: AskedRouting,
    { out, outcome }: LlmContext,
    deps: AttemptDeps,
    host: ToolHost,
  ): Promise<boolean> {
    const dropped = new Dropped();
    // Turn after turn all of it is said again, so nothing is left to a reference.
    const call = await this.#deps.state.expandAll(asked, deps.keyId);
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
        host: timedHost(host, outcome.upstream, () => deps.clock.monotonicMs()),
        bounds: this.#deps.bounds,
        signal: gone.signal,
        newId: facts.newId,
        endsAsLitellm: plan.isLitellm && call.route.format === 'responses' && !call.isStream,
        turn: (request, taker) =>
          this.#turn({ call, request, source, dropped }, taker, { call, routing, out, outcome }, deps),
        emit: (events) => answer.take(events),
        onDrain: (listener) => answer.onDrain(listener),
        onCommit: (head) => {
          outcome.firstContentMs = deps.clock.monotonicMs();
          answer.begin(head);
        },
      });
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
    turn: Omit<TurnCall, 'deployment' | 'refused'>,
    taker: TurnTaker,
    routed: RoutedCall,
    deps: AttemptDeps,
  ): Promise<TurnResult> {
    const { out, outcome } = routed;
    let result: TurnResult | undefined;
    try {
      await this.#tried(routed, deps, async (deployment, refused) => {
        result = await takeTurn({ ...turn, deployment, refused }, taker, out, outcome, deps);
        const { usage } = result;
        if (result.kind === 'done') {
          outcome.stop = result.stop;
          return { failure: undefined, broken: undefined, usage };
        }
        return result.kind === 'failed'
          ? { failure: result.failure, broken: undefined, usage }
          : { failure: undefined, broken: result.failure, usage };
      });
    } catch (error) {
      if (!(error instanceof LlmFailure)) throw error;
      return { kind: 'failed', failure: error, usage: result?.usage };
    }
    return result!;
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
      prices: this.#prices,
      prepared: this.#prepared,
      requestTimeoutMs: this.#config.requestTimeoutMs,
    };
  }
}

/** Whether the client wants a stream as one JSON list. */
function isArray({ route, isStream }: LlmCall): boolean {
  return route.format === 'gemini' && isStream && route.framing === 'array';
}

/** The provider does not know what the request goes on with; not everyone who speaks Responses says so in OpenAI's words. */
function isPreviousUnknown({ code, kind }: LlmFailure, { route, text }: LlmCall): boolean {
  if (code === PREVIOUS_NOT_FOUND) return true;
  return (
    kind === 'not-found' &&
    code !== 'model_not_found' &&
    route.format === 'responses' &&
    text.string('previous_response_id') !== undefined
  );
}

/** The provider found something wrong with the request itself. */
function isRefusal(failure: LlmFailure | undefined): failure is LlmFailure {
  return failure?.kind === 'invalid' || failure?.kind === 'not-found';
}
