import type { Usage } from '../conversation/answer.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { FORMATS } from '../formats/formats.ts';
import { type LlmCall, valueOf } from '../llm-call.ts';
import type { Deployment } from '../providers/deployment.ts';
import { costOf } from '../usage/price.ts';
import type { PriceBook } from '../usage/price-book.ts';
import { NO_USAGE } from '../usage/spent.ts';
import { estimateRequest } from './estimate.ts';

/** What a request may use at most, as far as that can be said before. */
export interface CallEstimate {
  /** Of the request and its answer. */
  readonly tokens: number;
  /** 10^-12 US dollars, a whole number; 0 when nobody said what the model costs. */
  readonly cost: number;
}

/** How much of an answer is expected: what the request allows, within these bounds; without a word of it, `unsaid`. */
const ANSWER_TOKENS = { unsaid: 1_024, max: 8_192 } as const;
const BYTES_PER_TOKEN = 3.7;
/** Where data in the body is no text, its length says nothing of its tokens. */
const DATA = ['base64', 'input_audio', 'inlineData', 'inline_data'] as const;
const DATA_BODY_BYTES_MIN = 2_000;
const CHOICES_MAX = 128;

/** From the length of the body; where that misleads, from what is in it. */
export function estimateCall(call: LlmCall, members: readonly Deployment[], prices: PriceBook): CallEstimate {
  const { bytes, start, end } = call.text;
  const hasData =
    end - start > DATA_BODY_BYTES_MIN && DATA.some((word) => bytes.includes(word, start, 'latin1'));
  return hasData
    ? closerEstimate(call, members, prices)
    : priced(call, Math.ceil((end - start) / BYTES_PER_TOKEN), answerTokens(call), members, prices);
}

/** From everything that is in the body; as by its length when it cannot be understood. */
export function closerEstimate(
  call: LlmCall,
  members: readonly Deployment[],
  prices: PriceBook,
): CallEstimate {
  const { model, isStream } = call.route;
  let input = Math.ceil((call.text.end - call.text.start) / BYTES_PER_TOKEN);
  if (call.route.operation === 'generate')
    try {
      input = estimateRequest(FORMATS[call.route.format].readRequest(valueOf(call), { model, isStream }));
    } catch (error) {
      if (!(error instanceof LlmFailure)) throw error;
    }
  return priced(call, input, answerTokens(call), members, prices);
}

/** Which deployment will answer is not known, so the dearest one counts. */
function priced(
  call: LlmCall,
  input: number,
  output: number,
  members: readonly Deployment[],
  prices: PriceBook,
): CallEstimate {
  if (call.route.operation === 'count-tokens') return { tokens: 0, cost: 0 };
  const usage: Usage = { ...NO_USAGE, input, output };
  const tier = call.text.string('service_tier');
  let cost = 0;
  for (const deployment of members) {
    const price = prices.priceOf(deployment);
    if (price !== undefined) cost = Math.max(cost, Number(costOf(usage, price, tier, 0)));
  }
  return { tokens: input + output, cost };
}

const LIMIT_NAMES: Readonly<Record<FormatName, readonly string[]>> = {
  chat: ['max_completion_tokens', 'max_tokens'],
  messages: ['max_tokens'],
  responses: ['max_output_tokens'],
  gemini: ['maxOutputTokens', 'max_output_tokens'],
};

function answerTokens({ route, text }: LlmCall): number {
  if (route.operation !== 'generate') return 0;
  const said: unknown[] = [];
  if (route.format === 'gemini') {
    const settings = (jsonOf(text.slice('generationConfig') ?? text.slice('generation_config')) ??
      {}) as Record<string, unknown>;
    said.push(...LIMIT_NAMES.gemini.map((name) => settings[name]));
  } else for (const name of LIMIT_NAMES[route.format]) said.push(jsonOf(text.slice(name)));
  const most = said.find((value): value is number => typeof value === 'number' && value >= 0);
  const choices = route.format === 'chat' ? jsonOf(text.slice('n')) : 1;
  const times = typeof choices === 'number' && choices >= 1 ? Math.min(choices, CHOICES_MAX) : 1;
  return Math.ceil(Math.min(most ?? ANSWER_TOKENS.unsaid, ANSWER_TOKENS.max)) * times;
}

/** Nonsense is refused where the request is read. */
function jsonOf(bytes: Buffer | undefined): unknown {
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
