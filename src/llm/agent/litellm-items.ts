import type { JsonObject, Part, ToolResultPart } from '../conversation/parts.ts';
import type { ToolPlan } from './plan.ts';

/**
 * The two items that LiteLLM adds to a whole answer in Responses when it has called tools: what there were, and what came of them, each as JSON text
 * (LiteLLM, "MCP", `mcp_tools_fetched` and `tool_execution_results`).
 */
export function litellmItems(
  { lists }: ToolPlan,
  results: readonly ToolResultPart[],
  newId: (prefix: string) => string,
): readonly JsonObject[] {
  const tools = lists.flatMap((list) =>
    list.tools.map(({ name, description, schema }) => ({ name, description, inputSchema: schema })),
  );
  const told = results.map(({ callId, content }) => ({ tool_call_id: callId, result: textOf(content) }));
  return [
    item('mcp_tools_fetched', newId('mcp_tools_'), tools),
    item('tool_execution_results', newId('tool_results_'), told),
  ];
}

function item(type: string, id: string, value: unknown): JsonObject {
  const text = JSON.stringify(value, null, 2);
  return {
    type,
    id,
    status: 'completed',
    role: 'system',
    content: [{ type: 'output_text', text, annotations: [] }],
  };
}

function textOf(content: readonly Part[]): string {
  return content.map((part) => (part.kind === 'text' ? part.text : `[${part.kind}]`)).join(' ');
}
