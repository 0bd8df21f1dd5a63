/** What the gateway needs of requests to models and their answers. */
import type { FormatName } from './conversation/format-name.ts';
import { isObject } from './conversation/json.ts';
import type { LlmFailure } from './conversation/llm-failure.ts';
import { parseErrorBody } from './conversation/provider-error.ts';
import { FORMATS } from './formats/formats.ts';

export { invalid } from './conversation/llm-failure.ts';
export { EventTap } from './upstream/event-tap.ts';
export { type ListShape, writeEntry, writeList } from './listing/list-shapes.ts';
export type { EntryTool } from './listing/model-entry.ts';
export { LlmFailure } from './conversation/llm-failure.ts';
export { type LlmCall, type LlmRoute, readCall } from './llm-call.ts';
export type { AnswerSink, OfferedTool, ToolHost, ToolOutcome } from './llm-ports.ts';
export type { Part as ToolPart } from './conversation/parts.ts';
export { type LlmOutcome, newOutcome } from './outcome.ts';
export { dollars } from './usage/money.ts';
export { plainBody } from './request-body.ts';
export { ConnectionMemories, type ConnectionMemory } from './state/connection-memory.ts';
export { ResponseState } from './state/response-state.ts';

/** An error answer in the words of a format; a provider's own in that format as it came. */
export function writeFailure(
  failure: LlmFailure,
  format: FormatName,
): { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } {
  const { raw, retryAfterMs } = failure;
  const retryAfter: Record<string, string> =
    retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) };
  if (raw !== undefined && raw.format === format && isErrorBody(raw.body))
    return {
      status: raw.status,
      headers: { 'content-type': 'application/json', ...retryAfter },
      body: raw.body,
    };
  const body = Buffer.from(JSON.stringify(FORMATS[format].writeError(failure)));
  return { status: failure.status, headers: { 'content-type': 'application/json', ...retryAfter }, body };
}

/** Every format has a member `error`: a page of HTML, `{}` or some framework's own words would be no error in any of them. */
function isErrorBody(body: Buffer): boolean {
  const value = parseErrorBody(body);
  return isObject(value) && value['error'] !== undefined && value['error'] !== null;
}
