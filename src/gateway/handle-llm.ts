import type { Principal } from '../auth/authenticate.ts';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { CallStart, CallStatus } from '../ledger/ledger-ports.ts';
import type { BodyCapture } from '../ledger/body-capture.ts';
import type { OpenCall } from '../ledger/recorder.ts';
import type { Llm } from '../llm/llm.ts';
import {
  type AnswerSink,
  type ConnectionMemory,
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
import type { Journal } from './journal.ts';
import { clientSays } from './llm-client-says.ts';
import { refuse } from './llm-refusal.ts';

/** What the way of a request to a model needs. */
export interface HandleLlmDeps {
  readonly llm: Llm;
  readonly journal: Journal;
  readonly log: Log;
  readonly clock: Clock;
  readonly bodyBytesMax: number;
  readonly authenticate: (exchange: Exchange, isGemini: boolean) => Principal;
  readonly addressOf: (exchange: Exchange) => string;
  /** Whether a principal may use a model, and why. */
  readonly judge: (principal: Principal, model: string) => Verdict;
  /** Of the connection, for requests that come on one that lasts. */
  readonly memory?: ConnectionMemory;
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
    const body = await plainBody(coded, exchange.headers['content-encoding'], deps.bodyBytesMax); // 400, 413, 415
    const call = readCall(route, body, exchange.headers); // 400
    await answer(call, body, principal, sink, exchange, deps);
  } catch (error) {
    if (sink.hasBegun) sink.cut();
    else refuse(error, route.format, exchange, deps.log);
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
  const start = startOf(call, body.length, principal, verdict, exchange, deps);
  const record = deps.journal.open(start, body);
  sink.kept = record.answered;
  await deps.journal.begin(record); // 503
  const outcome = newOutcome(deps.clock.monotonicMs());
  let failure: unknown;
  try {
    if (!verdict.allowed || !deps.llm.has(call.model)) throw unknownModel(call.model, principal, deps);
    const host = call.wantsTools ? deps.toolHost(exchange, principal) : undefined;
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
    finish(record, outcome, failure, sink, exchange, deps);
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
    traceId: undefined,
    ...clientSays(call),
  };
}

function finish(
  record: OpenCall,
  outcome: LlmOutcome,
  failure: unknown,
  sink: ExchangeSink,
  exchange: Exchange,
  deps: HandleLlmDeps,
): void {
  const nowMs = deps.clock.monotonicMs();
  const { usage, cost } = outcome;
  const { start } = record;
  deps.journal.end(record, {
    id: start.id,
    endedAt: deps.clock.now(),
    status: start.decision === 'denied' ? 'denied' : statusOf(failure),
    errorCode: errorCodeOf(failure),
    totalMs: nowMs - exchange.startedMs,
    upstreamMs: outcome.upstream.ms(nowMs),
    bytesOut: sink.bytesOut,
    promptTokens: usage?.input,
    completionTokens: usage?.output,
    cost: cost === undefined ? undefined : dollars(cost),
    deployment: outcome.deployment?.id,
    attempts: outcome.attempts,
    firstMs: outcome.firstContentMs === undefined ? undefined : outcome.firstContentMs - exchange.startedMs,
  });
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

/** The client's side of an answer. */
class ExchangeSink implements AnswerSink {
  readonly #exchange: Exchange;
  #stream: AnswerStream | undefined;
  #listeners: Set<() => void> | undefined;
  hasBegun = false;
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
    this.#exchange.send(status, headers, body);
  }

  begin(headers: Readonly<Record<string, string>>): void {
    this.hasBegun = true;
    this.#stream = this.#exchange.openAnswer(headers);
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
    this.#stream!.end();
  }

  cut(): void {
    this.#stream?.destroy();
  }
}
