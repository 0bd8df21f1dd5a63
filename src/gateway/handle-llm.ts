import type { Principal } from '../auth/authenticate.ts';
import { GatewayError } from '../core/errors.ts';
import { type Span, type TraceContext, traceIdOf, type Tracer } from '../core/trace.ts';
import type { BodyCapture } from '../ledger/body-capture.ts';
import type { CallEnd, CallStart, CallStatus } from '../ledger/ledger-ports.ts';
import type { OpenCall } from '../ledger/recorder.ts';
import {
  type AnswerSink,
  type ConnectionMemory,
  type LlmCall,
  LlmFailure,
  type LlmOutcome,
  type LlmRoute,
  newOutcome,
  plainBody,
  readCall,
  type ToolHost,
} from '../llm/llm-wire.ts';
import type { Verdict } from '../policy/rights.ts';
import { endCallSpan, startLlmSpan } from './call-trace.ts';
import type { AnswerStream, Exchange } from './exchange.ts';
import type { Journal } from './journal.ts';
import { admitCall, type LimitLlmDeps, settleCall, standingHeaders, tooMuch } from './limit-llm.ts';
import { giveUp } from './limit-text.ts';
import { clientSays } from './llm-client-says.ts';
import { refuse, type RefusalDeps } from './llm-refusal.ts';
import { withAlias } from './model-alias.ts';

/** What the way of a request to a model needs. */
export interface HandleLlmDeps extends LimitLlmDeps, RefusalDeps {
  readonly journal: Journal;
  readonly tracer: Tracer;
  readonly bodyBytesMax: number;
  readonly authenticate: (exchange: Exchange, isGemini: boolean) => Principal;
  readonly addressOf: (exchange: Exchange) => string;
  /** Whether a principal may use a model, and why. */
  readonly judge: (principal: Principal, model: string) => Verdict;
  /** Of the connection, for requests that come on one that lasts. */
  readonly memory?: ConnectionMemory;
  /** The servers behind the gateway, for a model. */
  readonly toolHost: (exchange: Exchange, principal: Principal, trace: TraceContext | undefined) => ToolHost;
}

/** The way of a request to a model: a step per line, each of which may end it with an error in the words of the client's format. */
export async function handleLlm(exchange: Exchange, route: LlmRoute, deps: HandleLlmDeps): Promise<void> {
  const sink = new ExchangeSink(exchange);
  try {
    if (exchange.method !== 'POST')
      throw new GatewayError('method-not-allowed', { method: exchange.method, path: exchange.path });
    const principal = deps.authenticate(exchange, route.format === 'gemini'); // 401, 403
    const coded = await exchange.body(); // 400, 408, 413, 415
    const coding = exchange.headers['content-encoding'];
    const body = coding === undefined ? coded : await plainBody(coded, coding, deps.bodyBytesMax); // 400, 413, 415
    const call = withAlias(readCall(route, body, exchange.headers), principal); // 400
    await answer(call, body, principal, sink, exchange, deps);
  } catch (error) {
    if (sink.hasBegun) sink.cut();
    else refuse(error, route.format, exchange, deps, sink.headers);
  }
}

async function answer(
  call: LlmCall,
  body: Buffer,
  principal: Principal,
  sink: ExchangeSink,
  exchange: Exchange,
  deps: HandleLlmDeps,
): Promise<void> {
  const verdict = deps.judge(principal, call.model);
  const id = exchange.requestId;
  const span = startLlmSpan(deps.tracer, call, deps.llm.entryOf(call.model), exchange);
  const isKnown = verdict.allowed && deps.llm.has(call.model);
  const asked = isKnown ? admitCall(call, principal, (gone) => sink.onGone(gone), deps) : undefined;
  const admission = asked instanceof Promise ? await asked : asked;
  const isDenied = admission?.kind === 'refused' && !admission.isGone;
  const decision = isDenied ? { allowed: false, rule: admission.rule } : verdict;
  const start = startOf(call, body.length, principal, decision, span, exchange, deps);
  const record = deps.journal.open(start, body);
  sink.kept = record.answered;
  try {
    await deps.journal.begin(record); // 503
  } catch (error) {
    giveUp(admission, error);
  }
  const outcome = newOutcome(deps.clock.monotonicMs(), span.context);
  let failure: unknown;
  try {
    if (admission === undefined) throw unknownModel(call.model, principal, deps); // 404
    sink.headers = standingHeaders(admission, call, deps);
    if (admission.kind === 'refused') throw tooMuch(admission, call); // 400, 429
    const host = call.wantsTools ? deps.toolHost(exchange, principal, span.context) : undefined;
    const mayUse = (model: string): boolean => deps.judge(principal, model).allowed;
    const context = { id, keyId: principal.id, out: sink, outcome, host, memory: deps.memory, mayUse };
    switch (call.route.operation) {
      case 'generate':
        await deps.llm.generate(call, context);
        break;
      case 'count-tokens':
        await deps.llm.countTokens(call, context);
        break;
      case 'embed':
      case 'embed-batch':
        await deps.llm.embed(call, context);
        break;
    }
    failure = outcome.failure;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    try {
      const admitted = admission?.kind === 'admitted' ? admission : undefined;
      // Settled and recorded in one step: see `Runs.position`.
      const cost = settleCall(admitted, outcome);
      finish(record, call.model, span, outcome, cost, failure, sink, exchange, deps);
    } finally {
      // Who has seen the answer's end finds the call's end in the ledger, even if this process is killed now.
      sink.conclude();
    }
  }
}

/** A model that a key may not use is one that there is not, so that names cannot be found out. */
function unknownModel(model: string, principal: Principal, { llm, judge }: HandleLlmDeps): LlmFailure {
  const known = llm.names.filter((name) => judge(principal, name).allowed).slice(0, 20);
  const list = known.length === 0 ? 'This key may use no model.' : `This key may use: ${known.join(', ')}.`;
  return new LlmFailure('not-found', `There is no model "${model.slice(0, 200)}" for this key. ${list}`, {
    status: 404,
    param: 'model',
    code: 'model_not_found',
  });
}

function startOf(
  call: LlmCall,
  bytesIn: number,
  principal: Principal,
  verdict: Verdict,
  span: Span,
  exchange: Exchange,
  deps: HandleLlmDeps,
): CallStart {
  const agent = exchange.headers['user-agent'];
  return {
    id: exchange.requestId,
    startedAt: deps.clock.now(),
    kind: 'llm',
    operation: `${call.route.format}/${call.route.operation}`,
    keyId: principal.id,
    keyAlias: principal.alias,
    user: principal.user,
    team: principal.team,
    address: deps.addressOf(exchange),
    client: agent?.slice(0, 200),
    server: undefined,
    toolName: undefined,
    originalName: undefined,
    model: call.model.slice(0, 200),
    decision: verdict.allowed ? 'allowed' : 'denied',
    rule: verdict.rule,
    bytesIn,
    traceId: traceIdOf(span.context),
    ...clientSays(call),
  };
}

function finish(
  record: OpenCall,
  model: string,
  span: Span,
  outcome: LlmOutcome,
  cost: number | undefined,
  failure: unknown,
  sink: ExchangeSink,
  exchange: Exchange,
  deps: HandleLlmDeps,
): void {
  const nowMs = deps.clock.monotonicMs();
  const { usage } = outcome;
  const { start } = record;
  const firstContentMs =
    outcome.firstContentMs === undefined ? undefined : outcome.firstContentMs - exchange.startedMs;
  const end: CallEnd = {
    id: start.id,
    endedAt: deps.clock.now(),
    status: start.decision === 'denied' ? 'denied' : statusOf(failure),
    errorCode: errorCodeOf(failure),
    totalMs: nowMs - exchange.startedMs,
    upstreamMs: outcome.upstream.ms(nowMs),
    bytesOut: sink.bytesOut,
    promptTokens: usage?.input,
    completionTokens: usage?.output,
    cost,
    deployment: outcome.deployment?.id,
    attempts: outcome.attempts,
    firstMs: firstContentMs,
    tokensEstimated: outcome.isEstimated ? true : undefined,
  };
  deps.journal.end(record, end, {
    asked: deps.llm.entryOf(model),
    served: outcome.deployment?.config.name,
    firstContentMs,
  });
  endCallSpan(deps.tracer, span, end);
}

function errorCodeOf(failure: unknown): string | undefined {
  if (failure === undefined) return undefined;
  return failure instanceof LlmFailure ? (failure.code ?? failure.kind) : 'internal';
}

function statusOf(failure: unknown): CallStatus {
  if (failure === undefined) return 'ok';
  if (failure instanceof LlmFailure) {
    if (failure.code === 'client_gone') return 'cancelled';
    if (failure.kind === 'timeout') return 'timeout';
  }
  return 'error';
}

/** The client's side of an answer. What ends it, a whole answer included, goes out with `conclude`. */
class ExchangeSink implements AnswerSink {
  readonly #exchange: Exchange;
  #stream: AnswerStream | undefined;
  #conclusion: (() => void) | undefined;
  #listeners: Set<() => void> | undefined;
  hasBegun = false;
  /** Further headers of the answer. */
  headers: Readonly<Record<string, string>> | undefined;
  bytesOut = 0;
  /** Gathers what is answered, where it is kept. */
  kept: BodyCapture | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get isGone(): boolean {
    return this.#exchange.isGone;
  }

  onGone(listener: () => void): () => void {
    if (this.#listeners === undefined) {
      const listeners = new Set<() => void>();
      this.#listeners = listeners;
      this.#exchange.onGone(() => {
        for (const one of [...listeners]) one();
      });
    }
    if (this.isGone) listener();
    else this.#listeners.add(listener);
    return () => this.#listeners?.delete(listener);
  }

  send(status: number, headers: Readonly<Record<string, string>>, body: Buffer): void {
    this.hasBegun = true;
    this.bytesOut = body.length;
    this.kept?.add(body);
    const conclusion = (): void => this.#exchange.send(status, this.#with(headers), body);
    this.#conclusion = conclusion;
  }

  begin(headers: Readonly<Record<string, string>>): void {
    this.hasBegun = true;
    this.#stream = this.#exchange.openAnswer(this.#with(headers));
  }

  #with(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    return this.headers === undefined ? headers : { ...headers, ...this.headers };
  }

  write(bytes: Buffer): boolean {
    this.bytesOut += bytes.length;
    this.kept?.add(bytes);
    return this.#stream!.write(bytes);
  }

  onDrain(listener: () => void): void {
    this.#stream!.onDrain(listener);
  }

  end(): void {
    const stream = this.#stream!;
    const conclusion = (): void => stream.end();
    this.#conclusion = conclusion;
  }

  conclude(): void {
    const conclusion = this.#conclusion;
    this.#conclusion = undefined;
    try {
      conclusion?.();
    } catch (error) {
      // A whole answer that could not be sent: there is one to be refused with.
      if (this.#stream === undefined) this.hasBegun = false;
      throw error;
    }
  }

  cut(): void {
    this.#stream?.destroy();
  }
}
