import { isObject } from '../conversation/json.ts';
import type { Json } from '../conversation/parts.ts';

/** What the gateway only tells of; nothing that a model said. */
const TOLD: ReadonlySet<unknown> = new Set(['mcp_list_tools', 'mcp_tools_fetched', 'tool_execution_results']);

/** The input of a request to Responses as a list of items. */
export function inputItems(input: Json | undefined): readonly Json[] {
  if (typeof input === 'string') return [{ type: 'message', role: 'user', content: input }];
  return Array.isArray(input) ? (input as readonly Json[]) : [];
}

/** What an answer says, as the next request's input. */
export function outputItems(output: Json | undefined): readonly Json[] {
  if (!Array.isArray(output)) return [];
  return (output as readonly Json[]).filter((item) => isObject(item) && !TOLD.has(item['type']));
}

/** Thoughts that have come without their content: a provider that has not stored them refuses their mere ids. */
export function isUnreadable(item: Json): boolean {
  if (!isObject(item) || item['type'] !== 'reasoning') return false;
  const { content, encrypted_content: seal } = item;
  return typeof seal !== 'string' && !(Array.isArray(content) && content.length > 0);
}
