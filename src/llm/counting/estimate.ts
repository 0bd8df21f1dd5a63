import type { Json, JsonObject, Part, Source } from '../conversation/parts.ts';
import type { ModelRequest, Tool } from '../conversation/request.ts';

/**
 * Tokens of a request, without the model's own tokenizer: meant to be a little too many rather than too few. Text counts by its characters, everything
 * else by what providers say of it (OpenAI, "Images and vision"; Anthropic, "Vision" and "PDF support"; Gemini API, "Token counting").
 */
const PER_TURN = 4;
const PER_TOOL = 12;
const ASCII_PER_TOKEN = 3.7;
/** Letters that are no ASCII: a whole token is more common than a part of one. */
const OTHERS_PER_TOKEN = 1.4;
const IMAGE = 1_500;
const IMAGE_LOW = 85;
const PDF_PAGE = 2_000;
const PDF_PAGE_BYTES = 50_000;
const AUDIO_PER_SECOND = 32;
const AUDIO_SECOND_BYTES = 16_000;
const VIDEO_PER_SECOND = 300;
const VIDEO_SECOND_BYTES = 250_000;

/** What a request comes to, in tokens. */
export function estimateRequest({ system, turns, tools, output }: ModelRequest): number {
  let tokens = PER_TURN + ofParts(system);
  for (const turn of turns) tokens += PER_TURN + ofParts(turn.parts);
  for (const tool of tools) tokens += PER_TOOL + ofTool(tool);
  if (output?.kind === 'schema') tokens += ofJson(output.schema);
  return Math.ceil(tokens);
}

/** What so many bytes of text, escaped as in JSON, come to, in tokens. */
export function estimateBytes(bytes: number): number {
  return bytes / ASCII_PER_TOKEN;
}

/** What a text comes to, in tokens. */
export function estimateText(text: string): number {
  let others = 0;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) others++;
  return (text.length - others) / ASCII_PER_TOKEN + others / OTHERS_PER_TOKEN;
}

function ofParts(parts: readonly Part[]): number {
  let tokens = 0;
  for (const part of parts) tokens += ofPart(part);
  return tokens;
}

function ofPart(part: Part): number {
  switch (part.kind) {
    case 'text':
    case 'refusal':
    case 'thinking':
      return estimateText(part.text);
    case 'image':
      return part.detail === 'low' ? IMAGE_LOW : IMAGE;
    case 'document':
      return part.source.kind === 'text'
        ? estimateText(part.source.text)
        : PDF_PAGE * Math.max(1, Math.ceil(bytesOf(part.source) / PDF_PAGE_BYTES));
    case 'audio':
      return AUDIO_PER_SECOND * Math.max(1, bytesOf(part.source) / AUDIO_SECOND_BYTES);
    case 'video':
      return VIDEO_PER_SECOND * Math.max(1, bytesOf(part.source) / VIDEO_SECOND_BYTES);
    case 'tool-call':
      return PER_TURN + estimateText(part.name) + estimateText(part.input);
    case 'tool-result':
      return PER_TURN + ofParts(part.content);
    case 'server-call':
      return 2 * PER_TURN + estimateText(part.name) + estimateText(part.input) + ofParts(part.output ?? []);
    case 'approval-request':
      return PER_TURN + estimateText(part.name) + estimateText(part.input);
    case 'foreign':
      return ofJson(part.value);
    case 'server-tools':
    case 'approval':
      return 0;
  }
}

function ofTool(tool: Tool): number {
  switch (tool.kind) {
    case 'function':
      return estimateText(tool.name) + estimateText(tool.description ?? '') + ofJson(tool.schema ?? {});
    case 'freeform':
      return estimateText(tool.name) + estimateText(tool.description ?? '') + ofJson(tool.grammar ?? {});
    case 'foreign':
      return ofJson(tool.value);
    case 'servers':
      return 0;
  }
}

function ofJson(value: JsonObject | Json): number {
  return estimateText(JSON.stringify(value));
}

/** Of data that is in the request; what lies elsewhere has no size here. */
function bytesOf(source: Source): number {
  return source.kind === 'base64' ? (source.data.length * 3) / 4 : 0;
}
