import { type JsonObject, scanArray } from '../core/json-scan.ts';
import { type ParamHeader, readParamHeaders } from '../mcp/client-wire.ts';

const MARK = Buffer.from('"x-mcp-header"');
const NONE: readonly ParamHeader[] = [];
/** Tools with annotations that are remembered. */
const TOOLS_MAX = 10_000;

/** Which arguments of which tools are repeated in headers, as learned from the lists that pass by. */
export class ToolHeaders {
  readonly #byTool = new Map<string, readonly ParamHeader[]>();

  of(tool: string | undefined): readonly ParamHeader[] {
    return (tool === undefined ? undefined : this.#byTool.get(tool)) ?? NONE;
  }

  /** Reads the result of a `tools/list`. `isFirstPage`: what was known before no longer counts. */
  learn(result: JsonObject, isFirstPage: boolean): void {
    if (isFirstPage) this.#byTool.clear();
    const list = result.slice('tools');
    if (list?.[0] !== 0x5b || !list.includes(MARK)) return;
    for (const text of scanArray(list)) {
      if (!text.includes(MARK)) continue;
      const tool = JSON.parse(text.toString('utf8')) as {
        readonly name?: unknown;
        readonly inputSchema?: unknown;
      };
      const read = readParamHeaders(tool.inputSchema);
      if (typeof tool.name === 'string' && 'headers' in read && this.#byTool.size < TOOLS_MAX)
        this.#byTool.set(tool.name, read.headers);
    }
  }
}
