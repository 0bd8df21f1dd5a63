import type { ModelConfig } from '../model-config.ts';
import type { Deployment } from '../providers/deployment.ts';
import { priceWith } from './own-prices.ts';
import type { Price } from './price.ts';
import { type ListedModel, PriceTable } from './price-table.ts';

/** Providers whose models are known by their bare names. */
const NAMERS = ['openai', 'anthropic', 'gemini'] as const;

/** What each deployment costs, and what else is known of its model. */
export class PriceBook {
  readonly #table: PriceTable;
  /** The latest price of each entry: entries without a star have one model, and one price. */
  readonly #latest = new WeakMap<
    ModelConfig,
    { readonly model: string; readonly price: Price | undefined }
  >();

  constructor(table: PriceTable = new PriceTable()) {
    this.#table = table;
  }

  /** Names of the bundled list, `provider/model`. */
  get names(): readonly string[] {
    return this.#table.names;
  }

  /** `undefined`: nobody said what it costs. */
  priceOf(deployment: Deployment): Price | undefined {
    const { config, model } = deployment;
    const known = this.#latest.get(config);
    if (known?.model === model) return known.price;
    const price = priceWith(config, this.listed(deployment)?.price);
    this.#latest.set(config, { model, price });
    return price;
  }

  /** What the bundled list knows of the model; `model_info.base_model` says which one it is. A mock costs what it stands for. */
  listed({ config, provider, model, isMock }: Deployment): ListedModel | undefined {
    const base = config.info['base_model'] ?? config.params['base_model'];
    if (typeof base === 'string') return this.#named(base);
    const slash = config.model.indexOf('/');
    if (isMock)
      return slash < 0 ? this.#named(model) : this.#named(`${config.model.slice(0, slash)}/${model}`);
    return this.#named(`${provider}/${model}`);
  }

  #named(name: string): ListedModel | undefined {
    const found = this.#table.find(name);
    if (found !== undefined) return found;
    // Azure's models are OpenAI's.
    const bare = name.replace(/^azure\//, '');
    if (bare.includes('/')) return undefined;
    for (const namer of NAMERS) {
      const one = this.#table.find(`${namer}/${bare}`);
      if (one !== undefined) return one;
    }
    return undefined;
  }
}
