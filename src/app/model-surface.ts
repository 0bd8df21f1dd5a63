import type { AdminModels } from '../admin/admin-ports.ts';
import type { Principal } from '../auth/authenticate.ts';
import type { LanportConfig } from '../config/load.ts';
import type { Clock } from '../core/clock.ts';
import type { Tracer } from '../core/trace.ts';
import type { Handlers } from '../edge/server.ts';
import type { Exchange } from '../gateway/exchange.ts';
import { openLlmSocket } from '../gateway/handle-llm-socket.ts';
import { handleLlm, type HandleLlmDeps } from '../gateway/handle-llm.ts';
import type { OpenSocket } from '../gateway/message-socket.ts';
import type { HandleMcpDeps } from '../gateway/mcp-deps.ts';
import { createToolHost } from '../gateway/tool-host.ts';
import type { Journal } from '../gateway/journal.ts';
import { handleModels } from '../gateway/handle-models.ts';
import { handleResponse } from '../gateway/handle-response.ts';
import type { Gate } from '../limits/limits.ts';
import { Llm } from '../llm/llm.ts';
import { tokensOf } from '../llm/quote.ts';
import { ConnectionMemories, type EntryTool, ResponseState } from '../llm/llm-wire.ts';
import type { DeploymentRow, ResponseTable } from '../store/store-ports.ts';
import type { HttpClient } from '../net/http-client.ts';
import { judgeModel, type PolicyModel } from '../policy/models.ts';
import type { Log } from '../telemetry/log.ts';
import type { LiveConfig } from './live-config.ts';

export interface ModelSurfaceDeps {
  readonly live: LiveConfig;
  readonly http: HttpClient;
  readonly journal: Journal;
  readonly onRefused: (code: string) => void;
  readonly limits: Gate;
  readonly responses: ResponseTable;
  readonly log: Log;
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly newId: () => string;
  /** What calls of tools need, by the configuration that is in force. */
  readonly mcpDeps: () => HandleMcpDeps;
}

/** What a client of Gemini's API asks for with `alt=sse`. */
function framingOf(query: string | undefined): 'sse' | 'array' {
  return query !== undefined && /(?:^|&)alt=sse(?:&|$)/.test(query) ? 'sse' : 'array';
}

interface Models {
  readonly llm: Llm;
  readonly known: readonly PolicyModel[];
}

/** The models behind the gateway as the edge serves them. A new configuration takes the place of the old one between two requests. */
export class ModelSurface {
  readonly #deps: ModelSurfaceDeps;
  readonly #state: ResponseState;
  readonly #memories = new ConnectionMemories();
  #models: Models;
  /** Made for one configuration: a reload brings another access. */
  #known:
    | { readonly access: LiveConfig['access']; readonly models: Models; readonly deps: HandleLlmDeps }
    | undefined;

  /** Throws an Error for a model that cannot be used. */
  constructor(config: LanportConfig, deps: ModelSurfaceDeps) {
    this.#deps = deps;
    this.#state = new ResponseState(deps.responses, () => deps.clock.now());
    this.#models = this.#build(config);
  }

  /** What a new configuration's models come to; nothing changes before `use`. Throws an Error for a model that cannot be used. */
  prepare(config: LanportConfig): { use(): void } {
    const models = this.#build(config);
    return {
      use: () => {
        this.#models = models;
      },
    };
  }

  /** The name of `model_list` that a model's name stands for, by the configuration in force. */
  canonical(model: string): string {
    return this.#models.llm.canonical(model);
  }

  /** How the deployments of the configuration in force do. */
  deploymentStates(): ReturnType<Llm['deploymentStates']> {
    return this.#models.llm.deploymentStates();
  }

  /** Who answers under which id, by the configuration in force. */
  get deployments(): readonly DeploymentRow[] {
    return this.#models.llm.catalog
      .info(() => true, true, undefined)
      .map((entry) => {
        const { litellm_params: params, model_info: info } = entry as {
          readonly litellm_params?: Readonly<Record<string, unknown>>;
          readonly model_info?: Readonly<Record<string, unknown>>;
        };
        return {
          id: String(info?.['id']),
          provider: String(info?.['litellm_provider'] ?? ''),
          model: String(params?.['model'] ?? ''),
          apiBase: String(params?.['api_base'] ?? ''),
        };
      });
  }

  /** What the operator API asks of the models. */
  get asked(): AdminModels {
    const { llm, known } = this.#models;
    return {
      has: (model) => llm.has(llm.canonical(model)),
      isGroup: (name) => known.some(({ accessGroups }) => accessGroups.includes(name)),
      quote: (model, asked) => llm.quote(model, asked),
      tokens: tokensOf,
      provider: (deployment) => {
        const info = llm.catalog.info(() => true, false, deployment)[0]?.['model_info'];
        const provider = (info as { readonly litellm_provider?: unknown } | undefined)?.litellm_provider;
        return typeof provider === 'string' ? provider : undefined;
      },
    };
  }

  get handlers(): Pick<Handlers, 'llm' | 'models' | 'response'> {
    return {
      llm: (exchange, route) =>
        handleLlm(exchange, { ...route, framing: framingOf(exchange.query) }, this.#llmDeps()),
      response: (exchange, route) =>
        handleResponse(exchange, route, { state: this.#state, authenticate: this.#llmDeps().authenticate }),
      models: (exchange, route) =>
        handleModels(exchange, route, {
          ...this.#llmDeps(),
          tools: (one, principal) => this.#tools(one, principal),
        }),
    };
  }

  /** Takes WebSockets to models. */
  get openSocket(): OpenSocket {
    return (upgrade) =>
      openLlmSocket(upgrade, {
        memories: this.#memories,
        newId: this.#deps.newId,
        llm: () => this.#llmDeps(),
      });
  }

  /** What a request needs; one request keeps to the configuration that it began with. */
  #llmDeps(): HandleLlmDeps {
    const { access } = this.#deps.live;
    const models = this.#models;
    if (this.#known?.access !== access || this.#known.models !== models)
      this.#known = { access, models, deps: this.#depsOf(models) };
    return this.#known.deps;
  }

  #depsOf({ llm, known }: Models): HandleLlmDeps {
    const { live, journal, onRefused, limits, log, tracer, clock } = this.#deps;
    const { access } = live;
    return {
      llm,
      journal,
      onRefused,
      limits,
      log,
      tracer,
      clock,
      bodyBytesMax: live.bounds.bodyBytesMax,
      authenticate: (exchange: Exchange, isGemini) =>
        access.authenticate(exchange, isGemini ? 'gemini' : 'llm'),
      addressOf: access.addressOf,
      judge: (principal, model) => {
        const verdict = judgeModel(principal, model, known);
        const target = llm.canonical(model);
        return verdict.allowed || target === model ? verdict : judgeModel(principal, target, known);
      },
      toolHost: (exchange, principal, trace) =>
        createToolHost(exchange, principal, trace, this.#deps.mcpDeps()),
    };
  }

  /** The tools that a principal may call, for the list of models. */
  async #tools(exchange: Exchange, principal: Principal): Promise<EntryTool[]> {
    const { mcp, policy } = this.#deps.mcpDeps();
    const visibility = policy.visibility(principal, policy.narrowing(exchange));
    return [...(await mcp.tools(visibility))].map(([name, { server, definition }]) => ({
      name,
      description: definition.string('description'),
      server,
    }));
  }

  #build(config: LanportConfig): Models {
    const { http, log, tracer, clock, live } = this.#deps;
    const llm = new Llm(config.llm, {
      http,
      log,
      tracer,
      clock,
      random: Math.random,
      bounds: live.bounds,
      state: this.#state,
    });
    const known = config.llm.models.map(({ name, info }) => {
      const groups = info['access_groups'];
      return { name, accessGroups: Array.isArray(groups) ? groups.map(String) : [] };
    });
    return { llm, known };
  }
}
