import type { FormatName } from '../conversation/format-name.ts';
import { PACKED_MARK } from '../conversation/seal-code.ts';
import { SEAL_PREFIX } from '../formats/responses/seal-code.ts';
import type { LlmCall } from '../llm-call.ts';
import type { Deployment } from '../providers/deployment.ts';

/**
 * What a provider of the client's format did not write although it looks so: tokens in which this gateway has packed those of other providers, thoughts
 * without a signature, and thoughts that nobody keeps.
 */
const MARKS: Readonly<Record<FormatName, readonly Buffer[]>> = {
  chat: [Buffer.from(PACKED_MARK)],
  gemini: [Buffer.from(PACKED_MARK)],
  messages: [PACKED_MARK, '"signature":""', '"signature": ""'].map((mark) => Buffer.from(mark)),
  responses: [SEAL_PREFIX, '"reasoning_text"'].map((mark) => Buffer.from(mark)),
};

/** Whether a request brings back what an answer of another provider left in it: a provider that did not write it refuses it. A coarse look. */
export function bringsForeignTokens({ route, text }: LlmCall): boolean {
  const bytes = text.bytes.subarray(text.start, text.end);
  return MARKS[route.format].some((mark) => bytes.includes(mark));
}

/** Whether a deployment is at its provider's own address, and no other gateway is between. */
export function isAtProvider({ base, kind }: Deployment): boolean {
  return kind.base !== undefined && originOf(base) === originOf(kind.base);
}

/** Cheaper than a URL, as every request needs it. */
function originOf(url: string): string {
  const end = url.indexOf('/', url.indexOf('//') + 2);
  return end < 0 ? url : url.slice(0, end);
}
