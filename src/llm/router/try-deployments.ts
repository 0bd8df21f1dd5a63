import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import type { Tracer } from '../../core/trace.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Usage } from '../conversation/answer.ts';
import { clientGone, LlmFailure } from '../conversation/llm-failure.ts';
import type { LlmConfig } from '../llm-config.ts';
import type { AnswerSink } from '../llm-ports.ts';
import type { LlmOutcome } from '../outcome.ts';
import type { Deployment } from '../providers/deployment.ts';
import type { Operation } from '../providers/provider-table.ts';
import type { AskedRouting } from './asked-routing.ts';
import { startAttemptSpan } from './attempt-span.ts';
import { chanceAfter, verdictOn, waitMs } from './retries.ts';
import type { Router, Verdict } from './router.ts';
import { standInsFor } from './stand-ins.ts';

export interface TryDeps {
  readonly router: Router;
  readonly config: LlmConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly tracer: Tracer;
  /** A number from 0 to 1. */
  readonly random: () => number;
}

/** One request, as far as its routing goes. */
export interface TriedRequest {
  readonly id: string;
  /** As the client names it. */
  readonly model: string;
  readonly operation: Operation;
  readonly asked: AskedRouting;
  readonly out: AnswerSink;
  readonly outcome: LlmOutcome;
}

/** What came of one try. */
export interface TryResult {
  /** Nothing was passed on, so that another deployment may be asked. */
  readonly failure: LlmFailure | undefined;
  /** What went wrong with an answer that had begun. */
  readonly broken: LlmFailure | undefined;
  readonly usage: Usage | undefined;
}

/** One try. `refused`: parameters that this deployment does not take. Rejects with LlmFailure for a request that cannot be said. */
export type Try = (deployment: Deployment, refused: ReadonlySet<string>) => Promise<TryResult>;

/** Timers may be early by one. */
const TIMER_SLACK_MS = 2;
const REFUSED_MAX = 8;

/** Tries a model and those that stand in for it, until one has answered. Rejects with the last failure. */
export async function tryModels(request: TriedRequest, attempt: Try, deps: TryDeps): Promise<void> {
  const { model, asked, out, outcome } = request;
  const { router, config } = deps;
  const names = [model, router.canonical(model)];
  const tried: string[] = [];
  for (let name: string | undefined = model; name !== undefined; ) {
    tried.push(name);
    const { mock } = asked;
    const failure: LlmFailure | undefined =
      name === model && mock !== undefined && !mock.isFirstTry
        ? mock.failure
        : await tryGroup(name, request, attempt, deps);
    if (failure === undefined) return;
    // Whatever else went wrong: nobody waits for it.
    if (out.isGone) throw clientGone();
    name = standInsFor(names, failure, config.router, asked).find(
      (one) => !tried.includes(one) && router.members(one).length > 0,
    );
    if (name === undefined) throw failure;
    outcome.fallbacks++;
    deps.log.warn('another model stands in', { request: request.id, model, by: name, kind: failure.kind });
  }
}

async function tryGroup(
  name: string,
  request: TriedRequest,
  attempt: Try,
  deps: TryDeps,
): Promise<LlmFailure | undefined> {
  const { asked, out } = request;
  const { router, config } = deps;
  const tries = new Map<string, number>();
  const facts = { router: config.router, asked: asked.retriesMax };
  let acted = name === request.model && asked.mock?.isFirstTry === true ? asked.mock.failure : undefined;
  let failure: LlmFailure | undefined;
  for (let retry = 0; ; retry++) {
    let deployment: Deployment | undefined;
    if (acted === undefined) {
      deployment = router.choose(name, tries);
      if (deployment === undefined) return failure ?? router.restingFailure(name);
      failure = await tryOne(name, deployment, request, attempt, deps);
      tries.set(deployment.id, (tries.get(deployment.id) ?? 0) + 1);
    } else {
      failure = acted;
      acted = undefined;
    }
    if (failure === undefined || out.isGone) return failure;
    const chance = chanceAfter(failure, deployment, retry, facts);
    if (chance === 'nowhere') return failure;
    if (router.hasFresh(name, tries)) continue;
    if (chance === 'elsewhere' || !router.hasTriesLeft(name, tries)) return failure;
    const ms = waitMs(retry, failure, deps.random());
    if (ms === undefined) return failure;
    await pause(ms + TIMER_SLACK_MS, out);
    if (out.isGone) return failure;
  }
}

async function tryOne(
  name: string,
  deployment: Deployment,
  request: TriedRequest,
  attempt: Try,
  { router, config, clock, log, tracer }: TryDeps,
): Promise<LlmFailure | undefined> {
  const { id, out, outcome } = request;
  const refused = new Set<string>();
  for (;;) {
    const startedMs = clock.monotonicMs();
    outcome.attempts++;
    outcome.deployment = deployment;
    const span = startAttemptSpan(tracer, { deployment, operation: request.operation, outcome, startedMs });
    router.began(deployment);
    let verdict: Verdict = { kind: 'unknown', tokens: 0 };
    let failure: LlmFailure | undefined;
    let trouble: LlmFailure | undefined;
    let result: TryResult | undefined;
    try {
      result = await attempt(deployment, refused);
      const { usage, broken, failure: whole } = result;
      failure = whole;
      const tokens = usage === undefined ? 0 : usage.input + usage.output;
      trouble = broken ?? whole;
      if (trouble === undefined) {
        const { firstContentMs = startedMs } = outcome;
        const saidMs = firstContentMs > startedMs ? firstContentMs : clock.monotonicMs();
        verdict = { kind: 'answered', latencyMs: saidMs - startedMs, tokens };
      } else verdict = out.isGone ? { kind: 'unknown', tokens } : verdictOn(trouble, tokens);
    } catch (error) {
      if (!(error instanceof LlmFailure)) throw error;
      failure = error;
      trouble = error;
    } finally {
      router.ended(deployment, verdict);
      span.end(trouble, result?.usage);
    }
    if (trouble === undefined || out.isGone) return failure;
    const { kind, status, message, detail, cause } = trouble;
    log.warn(failure === undefined ? 'a model broke its answer off' : 'a model did not answer', {
      request: id,
      model: name,
      deployment: deployment.id,
      provider: deployment.provider,
      kind,
      status,
      reason: (detail ?? message).slice(0, 500),
      ...(kind === 'internal' ? { error: cause } : {}),
    });
    if (failure === undefined) return failure;
    const param = refusedParam(failure);
    if (!config.dropParams || param === undefined || refused.has(param) || refused.size >= REFUSED_MAX)
      return failure;
    refused.add(param);
  }
}

/** OpenAI's Responses says it in words alone, without a code; "Unsupported value" is said of parameters of which a model takes only the default. */
const REFUSAL = /^(?:unsupported|unknown) parameter\b|^unsupported value\b.*\bonly the default\b/is;

/** The parameter that a provider does not take, when that is all that is wrong. */
function refusedParam({ kind, code, param, message }: LlmFailure): string | undefined {
  if (kind !== 'invalid') return undefined;
  const isRefused = code === 'unsupported_parameter' || code === 'unknown_parameter' || REFUSAL.test(message);
  return isRefused ? param : undefined;
}

/** Waits, unless the client goes away. */
async function pause(ms: number, out: AnswerSink): Promise<void> {
  const gone = new AbortController();
  const forget = out.onGone(() => gone.abort());
  try {
    await wait(ms, undefined, { signal: gone.signal });
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    forget();
  }
}
