import type { McpConfig, ServerConfig, Visibility } from '../mcp-ports.ts';
import type { Finding } from '../upstream/finding.ts';
import type { Catalog } from './catalog.ts';
import type { ToolEntry } from './tool-entry.ts';
import { createOverrider, overrideFindings } from './tool-override.ts';
import type { ToolReview } from './tool-review.ts';
import { buildView, type View, type ViewServer } from './view.ts';

const VIEWS_MAX = 500;
const NO_TOOLS: readonly ToolEntry[] = [];

export interface ViewsDeps {
  readonly catalog: Catalog;
  readonly review: ToolReview;
  readonly config: () => McpConfig;
}

/** What each visibility shows of the catalogue, under the operator's overrides and without what is held back; built once for each change. */
export class Views {
  readonly #deps: ViewsDeps;
  readonly #views = new Map<string, { readonly version: number; readonly view: View }>();
  readonly #overridden = createOverrider();

  constructor(deps: ViewsDeps) {
    this.#deps = deps;
  }

  /** What a visibility shows at this moment. */
  of(visibility: Visibility): View {
    const { catalog, review, config } = this.#deps;
    const known = this.#views.get(visibility.key);
    if (known?.version === catalog.version) return known.view;
    const offered = this.#servers(visibility, (server, tool) => !review.holds(server, tool));
    const view = buildView(offered, config().separator);
    if (this.#views.size >= VIEWS_MAX) this.#views.delete(this.#views.keys().next().value!);
    this.#views.delete(visibility.key);
    this.#views.set(visibility.key, { version: catalog.version, view });
    return view;
  }

  /** The tool that a name would stand for if it were not held back. */
  heldTool(visibility: Visibility, name: string): ToolEntry | undefined {
    const held = this.#servers(visibility, (server, tool) => this.#deps.review.holds(server, tool));
    const resolved = buildView(held, this.#deps.config().separator).tool(name);
    return resolved.kind === 'found' ? resolved.item : undefined;
  }

  /** Whether some server has a tool of that name that this visibility hides. For the ledger alone: it must not be told to the caller. */
  isHidden(visibility: Visibility, name: string): boolean {
    const all: Visibility = {
      key: '*',
      servers: this.#deps.config().servers.map((server) => server.name),
      allowsTool: () => true,
    };
    return this.of(visibility).tool(name).kind === 'unknown' && this.of(all).tool(name).kind !== 'unknown';
  }

  /** What of a server's overrides has no effect. */
  findings(config: ServerConfig): readonly Finding[] {
    const { problems } = this.#overridden(config, this.#deps.catalog.get(config.name)?.tools ?? NO_TOOLS);
    return overrideFindings(config, problems);
  }

  /** The servers in scope, each with what it offers; of its tools those that are visible and that `shows` lets through. */
  #servers(visibility: Visibility, shows: (server: string, originalName: string) => boolean): ViewServer[] {
    const { catalog, config } = this.#deps;
    const configs = new Map(config().servers.map((server) => [server.name, server]));
    return visibility.servers.map((name) => {
      const server = configs.get(name);
      const offer = catalog.get(name);
      const all = offer?.tools ?? NO_TOOLS;
      const offered = server === undefined ? all : this.#overridden(server, all).tools;
      return {
        name,
        prefix: server?.alias ?? name,
        bare: server?.toolPrefix === 'none',
        tools: offered.filter(
          ({ originalName }) => visibility.allowsTool(name, originalName) && shows(name, originalName),
        ),
        prompts: offer?.prompts ?? [],
        resources: offer?.resources ?? [],
        templates: offer?.templates ?? [],
      };
    });
  }
}
