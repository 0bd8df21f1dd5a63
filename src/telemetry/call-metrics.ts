import type { Registry } from 'prom-client';
import type { CounterName, HistogramName } from './metrics/catalogue.ts';
import { addFamily, addHistogramFamily, type Labels, type Sample } from './metrics/family.ts';
import { CALL_SECONDS, Histogram, OVERHEAD_SECONDS } from './metrics/histogram.ts';

/** What the metrics take of a call's beginning; the ledger's record has it. */
export interface MeasuredStart {
  readonly kind: 'mcp' | 'llm';
  readonly operation: string;
  /** A configured server, or nothing. */
  readonly server: string | undefined;
  /** The server's own name of what was called. */
  readonly originalName: string | undefined;
}

/** What they take of its end. */
export interface MeasuredEnd {
  readonly status: string;
  readonly totalMs: number;
  readonly upstreamMs: number | undefined;
  readonly promptTokens: number | undefined;
  readonly completionTokens: number | undefined;
  readonly cost: number | undefined;
  readonly deployment?: string | undefined;
}

/** What they take beyond the record, of a request to a model. */
export interface ModelMeasures {
  /** The name in `model_list` that the client's name stands for, with its wildcard; `undefined`: none. */
  readonly asked: string | undefined;
  /** The same of who answered, or was tried last. */
  readonly served: string | undefined;
  /** From the request's beginning to its first content. */
  readonly firstContentMs: number | undefined;
}

/** Methods and routes that are told apart; a client can make up more of them. */
const OPERATIONS: ReadonlySet<string> = new Set([
  'tools/call',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'completion/complete',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/cancel',
  'tasks/update',
  ...['chat', 'responses', 'messages', 'gemini'].flatMap((format) =>
    ['generate', 'count-tokens', 'embed', 'embed-batch'].map((operation) => `${format}/${operation}`),
  ),
]);
/** Servers and models are configured, and yet there is an end to them: a reload may bring new ones again and again. */
const TARGETS_MAX = 1_000;
/** Of one server, so that one with very many tools takes no labels from the others; and of all. */
const TOOLS_PER_SERVER_MAX = 200;
const TOOLS_MAX = 5_000;

/** Stands for every name that is not known, or beyond a bound. */
const OTHER = 'other';
const NAME_CHARACTERS_MAX = 128;

/** What is counted of the calls to one server or model. */
class Target {
  readonly labels: Labels;
  /** By operation, then status. */
  readonly calls = new Map<string, Map<string, number>>();
  readonly total = new Histogram(CALL_SECONDS);
  readonly upstream = new Histogram(CALL_SECONDS);
  readonly firstContent = new Histogram(CALL_SECONDS);
  tokensIn = 0;
  tokensOut = 0;
  dollars = 0;

  constructor(kind: 'mcp' | 'llm', name: string) {
    this.labels = kind === 'mcp' ? { kind, server: name, model: '' } : { kind, server: '', model: name };
  }
}

interface Tool {
  readonly labels: Labels;
  readonly calls: Map<string, number>;
  seconds: number;
}

interface DeploymentCalls {
  readonly labels: Labels;
  readonly calls: Map<string, number>;
}

/**
 * What was called, with what success, and how long it took. One call costs some look-ups of strings and additions of numbers; series are put
 * together when somebody asks for them. Labels come from closed sets, or are bounded: see `OPERATIONS` and the bounds.
 */
export class CallMetrics {
  readonly #servers = new Map<string, Target>();
  readonly #models = new Map<string, Target>();
  readonly #overhead = {
    mcp: new Histogram(OVERHEAD_SECONDS),
    llm: new Histogram(OVERHEAD_SECONDS),
  };
  /** By server, then by its own name of the tool. */
  readonly #tools = new Map<string, Map<string, Tool>>();
  #toolCount = 0;
  readonly #deployments = new Map<string, DeploymentCalls>();

  /** Counts one call that has ended. */
  observe(start: MeasuredStart, end: MeasuredEnd, model?: ModelMeasures): void {
    const { kind, operation, server } = start;
    const { status, totalMs, upstreamMs } = end;
    const target = kind === 'mcp' ? this.#server(server ?? '') : this.#model(model?.asked ?? OTHER);
    const seconds = totalMs / 1_000;
    countIn(target.calls, OPERATIONS.has(operation) ? operation : OTHER, status);
    target.total.observe(seconds);
    if (upstreamMs !== undefined) {
      target.upstream.observe(upstreamMs / 1_000);
      this.#overhead[kind].observe(Math.max(0, totalMs - upstreamMs) / 1_000);
    }
    if (operation === 'tools/call' && server !== undefined && start.originalName !== undefined)
      this.#countTool(server, start.originalName, status, seconds);
    if (model !== undefined) this.#countModel(end, model);
  }

  #countModel(end: MeasuredEnd, { asked, served, firstContentMs }: ModelMeasures): void {
    if (firstContentMs !== undefined)
      this.#model(asked ?? OTHER).firstContent.observe(firstContentMs / 1_000);
    if (end.deployment === undefined || served === undefined) return;
    const target = this.#model(served);
    target.tokensIn += end.promptTokens ?? 0;
    target.tokensOut += end.completionTokens ?? 0;
    target.dollars += end.cost ?? 0;
    this.#countDeployment(served, end.deployment, end.status);
  }

  #countDeployment(model: string, id: string, status: string): void {
    const key = this.#deployments.has(id) || this.#deployments.size < TARGETS_MAX ? id : OTHER;
    let deployment = this.#deployments.get(key);
    if (deployment === undefined) {
      const labels = { model: key === OTHER ? OTHER : model, deployment: key };
      this.#deployments.set(key, (deployment = { labels, calls: new Map() }));
    }
    count(deployment.calls, status);
  }

  #countTool(server: string, name: string, status: string, seconds: number): void {
    let tools = this.#tools.get(server);
    if (tools === undefined) {
      if (this.#tools.size >= TARGETS_MAX) return;
      this.#tools.set(server, (tools = new Map()));
    }
    const label = name.slice(0, NAME_CHARACTERS_MAX).toWellFormed();
    let tool = tools.get(label);
    if (tool === undefined) {
      const isFull = tools.size >= TOOLS_PER_SERVER_MAX || this.#toolCount >= TOOLS_MAX;
      const added = isFull ? OTHER : label;
      tool = tools.get(added);
      if (tool === undefined) {
        tools.set(added, (tool = { labels: { server, tool: added }, calls: new Map(), seconds: 0 }));
        this.#toolCount++;
      }
    }
    count(tool.calls, status);
    tool.seconds += seconds;
  }

  #server(name: string): Target {
    return targetIn(this.#servers, 'mcp', name);
  }

  #model(name: string): Target {
    return targetIn(this.#models, 'llm', name);
  }

  /** Adds what is counted to a registry, under our names. */
  expose(registry: Registry): void {
    const counter = (name: CounterName, read: () => Iterable<Sample>): void =>
      addFamily(registry, name, read);
    const histogram = (name: HistogramName, of: (target: Target) => Histogram): void =>
      addHistogramFamily(registry, name, () =>
        this.targets().map((target) => ({ labels: target.labels, histogram: of(target) })),
      );
    counter('lanport_calls_total', () =>
      this.targets().flatMap(({ labels, calls }) =>
        [...calls].flatMap(([operation, byStatus]) => statuses({ ...labels, operation }, byStatus)),
      ),
    );
    histogram('lanport_call_duration_seconds', ({ total }) => total);
    histogram('lanport_upstream_duration_seconds', ({ upstream }) => upstream);
    addHistogramFamily(registry, 'lanport_overhead_seconds', () => [
      { labels: { kind: 'mcp' }, histogram: this.#overhead.mcp },
      { labels: { kind: 'llm' }, histogram: this.#overhead.llm },
    ]);
    counter('lanport_tool_calls_total', () =>
      this.#allTools().flatMap(({ labels, calls }) => statuses(labels, calls)),
    );
    counter('lanport_tool_seconds_total', () =>
      this.#allTools().map(({ labels, seconds }) => ({ labels, value: seconds })),
    );
    counter('lanport_tokens_total', () =>
      this.models().flatMap(({ labels: { model = '' }, tokensIn, tokensOut }) => [
        { labels: { model, type: 'input' }, value: tokensIn },
        { labels: { model, type: 'output' }, value: tokensOut },
      ]),
    );
    counter('lanport_cost_dollars_total', () =>
      this.models().map(({ labels: { model = '' }, dollars }) => ({ labels: { model }, value: dollars })),
    );
    addHistogramFamily(registry, 'lanport_time_to_first_token_seconds', () =>
      this.models().map(({ labels: { model = '' }, firstContent }) => ({
        labels: { model },
        histogram: firstContent,
      })),
    );
    counter('lanport_deployment_calls_total', () =>
      this.deployments().flatMap(({ labels, calls }) => statuses(labels, calls)),
    );
  }

  /** Servers and models that were called. */
  targets(): readonly Target[] {
    return [...this.#servers.values(), ...this.#models.values()];
  }

  /** Models that were called. */
  models(): readonly Target[] {
    return [...this.#models.values()];
  }

  /** Deployments that were called. */
  deployments(): readonly DeploymentCalls[] {
    return [...this.#deployments.values()];
  }

  #allTools(): readonly Tool[] {
    return [...this.#tools.values()].flatMap((tools) => [...tools.values()]);
  }
}

function targetIn(targets: Map<string, Target>, kind: 'mcp' | 'llm', name: string): Target {
  const known = targets.get(name);
  if (known !== undefined) return known;
  if (targets.size >= TARGETS_MAX && name !== OTHER) return targetIn(targets, kind, OTHER);
  const target = new Target(kind, name);
  targets.set(name, target);
  return target;
}

function countIn(counts: Map<string, Map<string, number>>, key: string, status: string): void {
  let inner = counts.get(key);
  if (inner === undefined) counts.set(key, (inner = new Map()));
  count(inner, status);
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function statuses(labels: Labels, counts: ReadonlyMap<string, number>): Sample[] {
  return [...counts].map(([status, value]) => ({ labels: { ...labels, status }, value }));
}
