import type { Usage } from './conversation/answer.ts';
import type { JsonObject } from './conversation/parts.ts';
import { estimateRequest } from './counting/estimate.ts';
import { FORMATS } from './formats/formats.ts';
import type { Deployment } from './providers/deployment.ts';
import { dollars } from './usage/money.ts';
import { costOf } from './usage/price.ts';
import type { PriceBook } from './usage/price-book.ts';

/** What a price is asked for: a request that was not made (Chat Completions), or the tokens of one that was. */
export type Quoted =
  | { readonly request: JsonObject }
  | { readonly usage: Partial<Pick<Usage, 'input' | 'output' | 'cacheRead' | 'reasoning'>> };

const NOTHING: Usage = {
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  reasoning: 0,
  audioInput: 0,
  audioOutput: 0,
};

/** US dollars; `undefined` when nobody said what the model costs. Of a request, its input is estimated. Throws LlmFailure for one that is none. */
export function quote(deployment: Deployment, asked: Quoted, prices: PriceBook): number | undefined {
  const price = prices.priceOf(deployment);
  if (price === undefined) return undefined;
  const used =
    'usage' in asked
      ? asked.usage
      : {
          input: estimateRequest(
            FORMATS.chat.readRequest(asked.request, { model: undefined, isStream: undefined }),
          ),
        };
  return dollars(costOf({ ...NOTHING, ...used }, price, undefined, 0));
}
