import type { JsonObject } from './conversation/parts.ts';
import { entryOf, expand } from './listing/entries.ts';
import type { ListShape } from './listing/list-shapes.ts';
import type { ModelEntry } from './listing/model-entry.ts';
import { modelInfo } from './listing/model-info.ts';
import type { LlmConfig } from './llm-config.ts';
import { CLAUDE_VIA } from './router/groups.ts';
import type { Router } from './router/router.ts';
import type { PriceBook } from './usage/price-book.ts';

/** What Claude Code's discovery keeps of a list. */
const CLAUDE = /claude|anthropic/i;

/** What is known of the models that clients may ask for. */
export class ModelCatalog {
  readonly #config: LlmConfig;
  readonly #router: Router;
  readonly #prices: PriceBook;
  readonly #since: number;

  /** `since`: seconds since the Unix epoch when the models were read. */
  constructor(config: LlmConfig, router: Router, prices: PriceBook, since: number) {
    this.#config = config;
    this.#router = router;
    this.#prices = prices;
    this.#since = since;
  }

  /** The models that `isAllowed`, in configuration order, each once; of a wildcard, those that the bundled list knows. */
  entries(shape: ListShape, isAllowed: (name: string) => boolean): readonly ModelEntry[] {
    const ids = new Set<string>();
    for (const name of this.#router.names)
      for (const id of name.includes('*') ? this.#expanded(name) : [name]) if (isAllowed(id)) ids.add(id);
    if (shape === 'anthropic' && this.#config.claudeDiscovery)
      for (const id of [...ids]) if (!CLAUDE.test(id)) ids.add(`${CLAUDE_VIA}${id}`);
    return [...ids].flatMap((id) => this.entry(id) ?? []);
  }

  /** `undefined`: there is no such model. */
  entry(id: string): ModelEntry | undefined {
    const [deployment] = this.#router.members(id);
    return deployment && entryOf(id, deployment, this.#prices.listed(deployment), this.#since);
  }

  /** Every deployment of the models that `isAllowed`, as LiteLLM's `/model/info` tells them. `id`: of one alone. */
  info(
    isAllowed: (name: string) => boolean,
    isOperator: boolean,
    id: string | undefined,
  ): readonly JsonObject[] {
    const names = new Set(this.#config.models.map(({ name }) => name));
    return [...names].filter(isAllowed).flatMap((name) =>
      this.#router
        .members(name)
        .filter((deployment) => id === undefined || deployment.id === id)
        .map((deployment) =>
          modelInfo({
            name,
            deployment,
            listed: this.#prices.listed(deployment),
            price: this.#prices.priceOf(deployment),
            isOperator,
          }),
        ),
    );
  }

  #expanded(name: string): readonly string[] {
    const [deployment] = this.#router.members(name);
    return deployment === undefined ? [] : expand(name, deployment.config.model, this.#prices.names);
  }
}
