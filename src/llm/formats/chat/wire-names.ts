import type { ModelRequest } from '../../conversation/request.ts';
import { ToolNames } from '../../conversation/tool-names.ts';

/** The names of a request's tools as OpenAI takes them. https://platform.openai.com/docs/api-reference/chat/create, `tools` */
export function wireNames(request: ModelRequest): ToolNames {
  return new ToolNames(request, { forbidden: /[^a-zA-Z0-9_-]/g, charsMax: 64 });
}
