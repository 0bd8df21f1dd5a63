import { type JsonObject, JsonSyntaxError, scanObject } from '../../core/json-scan.ts';
import { type ParamHeader, readParamHeaders } from '../wire/modern/param-headers.ts';

/** Longest name that a tool may have; the specification's own bound is 128. */
const NAME_CHARACTERS_MAX = 1_024;

/** One tool of one server: what calls need, and its definition as the bytes that the server sent. */
export interface ToolEntry {
  readonly server: string;
  readonly originalName: string;
  /** The definition, its first two levels indexed. */
  readonly definition: JsonObject;
  /** Annotated read-only or idempotent: a lost call may be sent again. */
  readonly repeatable: boolean;
  readonly paramHeaders: readonly ParamHeader[];
  /** Under what it is offered, without prefix: the original name, unless the operator gave it another one. */
  readonly offeredName: string;
  /** How it differs from what the server has; `tool-override.ts` makes and uses it. */
  readonly override:
    | {
        /** The server's own. */
        readonly base: ToolEntry;
        /** Arguments that every call is sent with, as JSON text. */
        readonly fixed: ReadonlyMap<string, Buffer>;
      }
    | undefined;
}

export type ReadTool =
  | { readonly ok: true; readonly tool: ToolEntry }
  | { readonly ok: false; readonly reason: string };

/** Reads one definition out of a server's list. A tool that cannot be offered is refused with the reason; the others go on. */
export function readTool(server: string, bytes: Buffer): ReadTool {
  let definition: JsonObject;
  try {
    definition = scanObject(bytes, 2);
  } catch (error) {
    if (error instanceof JsonSyntaxError)
      return { ok: false, reason: `a tool that is no object (${error.message})` };
    throw error;
  }
  const originalName = definition.string('name');
  if (originalName === undefined || originalName === '')
    return { ok: false, reason: 'a tool without a name' };
  if (originalName.length > NAME_CHARACTERS_MAX)
    return { ok: false, reason: `a tool whose name is longer than ${NAME_CHARACTERS_MAX} characters` };
  const annotated = bytes.includes('x-mcp-header')
    ? readParamHeaders(definition.value('inputSchema'))
    : { headers: [] };
  if ('invalid' in annotated) return { ok: false, reason: `tool "${originalName}": ${annotated.invalid}` };
  const hints = definition.child('annotations');
  return {
    ok: true,
    tool: {
      server,
      originalName,
      definition,
      repeatable: hints?.value('readOnlyHint') === true || hints?.value('idempotentHint') === true,
      paramHeaders: annotated.headers,
      offeredName: originalName,
      override: undefined,
    },
  };
}
