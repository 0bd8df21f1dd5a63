import type { IncomingHttpHeaders } from 'node:http';
import { type JsonObject as JsonText, JsonSyntaxError, scanObject } from '../core/json-scan.ts';
import type { FormatName } from './conversation/format-name.ts';
import { parseBody } from './conversation/json.ts';
import { invalid } from './conversation/llm-failure.ts';
import type { JsonObject } from './conversation/parts.ts';
import type { Operation } from './providers/provider-table.ts';

/** What the address of a request says. */
export interface LlmRoute {
  readonly format: FormatName;
  readonly operation: Operation;
  /** In Gemini's addresses. */
  readonly model: string | undefined;
  /** In Gemini's addresses. */
  readonly isStream: boolean | undefined;
  /** How a stream is framed: Gemini without `alt=sse` sends one JSON array. */
  readonly framing: 'sse' | 'array';
}

/** One request to a model, as it came. */
export interface LlmCall {
  readonly route: LlmRoute;
  readonly model: string;
  readonly isStream: boolean;
  /** The body: where its members are. */
  readonly text: JsonText;
  readonly headers: IncomingHttpHeaders;
  /** Whether the gateway is to offer tools to the model and call them. */
  readonly wantsTools: boolean;
}

/** Understands as much of a request as its way through the gateway needs. Throws LlmFailure. */
export function readCall(route: LlmRoute, body: Buffer, headers: IncomingHttpHeaders): LlmCall {
  let text: JsonText;
  try {
    text = scanObject(body, 1);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw invalid(`The body is not a JSON object: ${error.message}.`);
  }
  const model = route.model ?? text.string('model');
  if (model === undefined || model === '')
    throw invalid(
      'The body names no model: "model" must be the name of one (GET /v1/models lists them).',
      'model',
    );
  const stream = text.slice('stream')?.toString('latin1');
  if (stream !== undefined && stream !== 'true' && stream !== 'false' && stream !== 'null')
    throw invalid('"stream" must be true or false.', 'stream');
  return {
    route,
    model,
    isStream: route.operation === 'generate' && (route.isStream ?? stream === 'true'),
    text,
    headers,
    wantsTools: headers['x-mcp-servers'] !== undefined || mentionsServers(text),
  };
}

/** The body as a value; long numbers of tools and schemas stay whole. */
export function valueOf({ text }: LlmCall): JsonObject {
  return parseBody(text.bytes.toString('utf8', text.start, text.end)) as JsonObject;
}

/** Whether some tool is of type `mcp`, or servers are named (Anthropic `mcp_servers`); a coarse look, made exact later. */
function mentionsServers(text: JsonText): boolean {
  if (text.has('mcp_servers')) return true;
  const tools = text.slice('tools');
  return tools !== undefined && tools.includes('"mcp"');
}
