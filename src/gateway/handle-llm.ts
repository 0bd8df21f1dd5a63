import type { Principal } from '../auth/authenticate.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { CallStatus, Ledger } from '../ledger/ledger-ports.ts';
import type { Llm } from '../llm/llm.ts';
import {
  type AnswerSink,
  type LlmCall,
  LlmFailure,
  type LlmOutcome,
  type LlmRoute,
  dollars,
  newOutcome,
  plainBody,
  readCall,
  type ToolHost,
} from '../llm/llm-wire.ts';
import type { Verdict } from '../policy/rights.ts';
import type { Log } from '../telemetry/log.ts';
import type { AnswerStream, Exchange } from './exchange.ts';
import { refuse } from './llm-refusal.ts';

/** What the way of a request to a model needs. */
export interface HandleLlmDeps {
  readonly llm: Llm;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly clock: Clock;
  readonly bodyBytesMax: number;
  readonly authenticate: (exchange: Exchange, isGemini: boolean) => Principal;
  readonly addressOf: (exchange: Exchange) => string;
  /** Whether a principal may use a model, and why. */
  readonly judge: (principal: Principal, model: string) => Verdict;
  /** The servers behind the gateway, for a model. */
  readonly toolHost: (exchange: Exchange, principal: Principal) => ToolHost;
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
    const call = readCall(route, body, exchange.headers); // 400
    await answer(call, body.length, principal, sink, exchange, deps);
  } catch (error) {
    if (sink.hasBegun) sink.cut();
    else refuse(error, route.format, exchange, deps.log);
  }
}

async function answer(
  call: LlmCall,
  bytesIn: number,
  principal: Principal,
  sink: ExchangeSink,
  exchange: Exchange,
  deps: HandleLlmDeps,
): Promise<void> {
  const verdict = deps.judge(principal, call.model);
  const id = exchange.requestId;
  await record(call, bytesIn, principal, verdict, exchange, deps); // 503
  const outcome = newOutcome(deps.clock.monotonicMs());
  let failure: unknown;
  try {
    if (!verdict.allowed || !deps.llm.has(call.model)) throw unknownModel(call.model, principal, deps);
    const host = call.wantsTools ? deps.toolHost(exchange, principal) : undefined;
    const mayUse = (model: string): boolean => deps.judge(principal, model).allowed;
    const context = { id, keyId: principal.id, out: sink, outcome, host, mayUse };
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
    finish(id, call, verdict, outcome, failure, sink, exchange, principal, deps);
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

function record(
  call: LlmCall,
  bytesIn: number,
  principal: Principal,
  verdict: Verdict,
  exchange: Exchange,
  deps: HandleLlmDeps,
): Promise<void> {
  const agent = exchange.headers['user-agent'];
  return deps.ledger.begin({
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
    traceId: undefined,
  });
}

function finish(
  id: string,
  call: LlmCall,
  verdict: Verdict,
  outcome: LlmOutcome,
  failure: unknown,
  sink: ExchangeSink,
  exchange: Exchange,
  principal: Principal,
  deps: HandleLlmDeps,
): void {
  const nowMs = deps.clock.monotonicMs();
  const status = verdict.allowed ? statusOf(failure) : 'denied';
  const errorCode =
    failure instanceof LlmFailure
      ? (failure.code ?? failure.kind)
      : failure === undefined
        ? undefined
        : 'internal';
  const totalMs = nowMs - exchange.startedMs;
  const upstreamMs = outcome.upstream.ms(nowMs);
  const { usage } = outcome;
  deps.ledger.end({
    id,
    endedAt: deps.clock.now(),
    status,
    errorCode,
    totalMs,
    upstreamMs,
    bytesOut: sink.bytesOut,
    promptTokens: usage?.input,
    completionTokens: usage?.output,
    cost: outcome.cost === undefined ? undefined : dollars(outcome.cost),
    deployment: outcome.deployment?.id,
    attempts: outcome.attempts,
  });
  deps.log.info('call', {
    call: id,
    key: principal.alias ?? principal.id,
    model: call.model.slice(0, 200),
    deployment: outcome.deployment?.id,
    status,
    error: errorCode,
    totalMs: Math.round(totalMs),
    tokensIn: usage?.input,
    tokensOut: usage?.output,
    attempts: outcome.attempts,
    cost: outcome.cost === undefined ? undefined : dollars(outcome.cost),
  });
}

function statusOf(failure: unknown): CallStatus {
  if (failure === undefined) return 'ok';
  if (failure instanceof LlmFailure) {
    if (failure.code === 'client_gone') return 'cancelled';
    if (failure.kind === 'timeout') return 'timeout';
  }
  return 'error';
}

/** The client's side of an answer. */
class ExchangeSink implements AnswerSink {
  readonly #exchange: Exchange;
  #stream: AnswerStream | undefined;
  #listeners: Set<() => void> | undefined;
  hasBegun = false;
  bytesOut = 0;

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
    this.#exchange.send(status, headers, body);
  }

  begin(headers: Readonly<Record<string, string>>): void {
    this.hasBegun = true;
    this.#stream = this.#exchange.openAnswer(headers);
  }

  write(bytes: Buffer): boolean {
    this.bytesOut += bytes.length;
    return this.#stream!.write(bytes);
  }

  onDrain(listener: () => void): void {
    this.#stream!.onDrain(listener);
  }

  end(): void {
    this.#stream!.end();
  }

  cut(): void {
    this.#stream?.destroy();
  }
}
