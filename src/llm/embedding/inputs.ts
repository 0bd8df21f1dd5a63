import { isObject } from '../conversation/json.ts';
import { invalid } from '../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../conversation/parts.ts';
import { estimateText } from '../counting/estimate.ts';

/** One text to embed. */
export interface Input {
  readonly text: string;
  /** By an estimate, except where the client has counted. */
  readonly tokens: number;
  /** Whether `text` is a list of a tokenizer's numbers. */
  readonly isTokens: boolean;
}

/** OpenAI's `input`: a text, texts, tokens, or lists of tokens. Throws LlmFailure. */
export function inputsOf(input: Json | undefined): readonly Input[] {
  if (typeof input === 'string') return [ofText(input)];
  if (Array.isArray(input) && input.length > 0) {
    const list = input as readonly Json[];
    if (list.every((one) => typeof one === 'string')) return list.map(ofText);
    if (list.every((one) => typeof one === 'number')) return [ofTokens(list)];
    if (list.every((one) => Array.isArray(one))) return list.map((one) => ofTokens(one as readonly Json[]));
  }
  throw invalid('"input" must be a text, a list of texts, or lists of tokens.', 'input');
}

/** What Gemini's requests embed; a batch has several. Throws LlmFailure. */
export function geminiRequestsOf(
  body: JsonObject,
  isBatch: boolean,
): readonly (JsonObject & { readonly text: string })[] {
  const requests = isBatch ? body['requests'] : [body];
  if (!Array.isArray(requests)) throw invalid('"requests" must be a list.', 'requests');
  return (requests as readonly Json[]).map((request, at) => {
    const path = isBatch ? `requests[${at}].` : '';
    if (!isObject(request) || !isObject(request['content']))
      throw invalid(`"${path}content" must be an object with "parts".`, `${path}content`);
    return { ...request, text: JSON.stringify(request['content']['parts']) };
  });
}

/** What so many texts come to, in tokens. */
export function tokensOf(inputs: readonly { readonly tokens: number }[]): number {
  return inputs.reduce((sum, { tokens }) => sum + tokens, 0);
}

function ofText(text: string): Input {
  return { text, tokens: Math.max(1, Math.ceil(estimateText(text))), isTokens: false };
}

function ofTokens(tokens: readonly Json[]): Input {
  return { text: JSON.stringify(tokens), tokens: tokens.length, isTokens: true };
}
