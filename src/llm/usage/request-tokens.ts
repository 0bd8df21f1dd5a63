import { LlmFailure } from '../conversation/llm-failure.ts';
import { estimateBytes, estimateRequest } from '../counting/estimate.ts';
import { FORMATS } from '../formats/formats.ts';
import { type LlmCall, valueOf } from '../llm-call.ts';

/** What a request comes to, in tokens, by an estimate; where only its provider understands it, by its length. */
export function requestTokens(call: LlmCall): number {
  const { format, model, isStream } = call.route;
  try {
    return estimateRequest(FORMATS[format].readRequest(valueOf(call), { model, isStream }));
  } catch (error) {
    if (!(error instanceof LlmFailure)) throw error;
    return Math.ceil(estimateBytes(call.text.end - call.text.start));
  }
}
