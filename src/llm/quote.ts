import type { Usage } from './conversation/answer.ts';
import type { JsonObject } from './conversation/parts.ts';
import { estimateRequest } from './counting/estimate.ts';
import { FORMATS } from './formats/formats.ts';
import type { Deployment } from './providers/deployment.ts';
import { dollars } from './usage/money.ts';
import { costOf } from './usage/price.ts';
import { NO_USAGE } from './usage/spent.ts';
import type { PriceBook } from './usage/price-book.ts';

/** A request as Chat Completions writes it. */
export type QuotedRequest = JsonObject;

/** What a price is asked for: a request that was not made (Chat Completions), or the tokens of one that was. */
export type Quoted =
  | { readonly request: QuotedRequest }
  | { readonly usage: Partial<Pick<Usage, 'input' | 'output' | 'cacheRead' | 'reasoning'>> };

/** US dollars; `undefined` when nobody said what the model costs. Of a request, its input is estimated. Throws LlmFailure for one that is none. */
export function quote(deployment: Deployment, asked: Quoted, prices: PriceBook): number | undefined {
  const price = prices.priceOf(deployment);
  if (price === undefined) return undefined;
  const used =
    'usage' in asked
      ? asked.usage
      : {
          input: tokensOf(asked.request),
        };
  return dollars(costOf({ ...NO_USAGE, ...used }, price, undefined, 0));
}

/** Tokens of a request (Chat Completions), estimated. Throws LlmFailure for one that is none. */
export function tokensOf(request: QuotedRequest): number {
  return estimateRequest(FORMATS.chat.readRequest(request, { model: undefined, isStream: undefined }));
}
