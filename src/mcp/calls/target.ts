import type { ToolEntry } from '../catalog/tool-entry.ts';

/** What a request goes to: which server, and what the thing is called there. */
export interface CallTarget {
  readonly server: string;
  readonly method: string;
  /** The server's own name or URI of what is asked for; for the ledger and for `Mcp-Name`. */
  readonly originalName: string | undefined;
  /** Whether `Mcp-Name` repeats `originalName` (2026-07-28, Transports, "Standard request headers"). */
  readonly isNamed: boolean;
  /** Members of the request's params as the server knows them, as JSON text; `undefined` removes the member. */
  readonly replace: ReadonlyMap<string, Buffer | undefined>;
  /** A lost call may be sent again: reading changes nothing, or the tool is annotated so. */
  readonly repeatable: boolean;
  readonly tool: ToolEntry | undefined;
}

const text = (value: string): Buffer => Buffer.from(JSON.stringify(value));

/** Members that hold for the client's own hop: what they mean here is decided before. */
const HOP: readonly (readonly [string, undefined])[] = [
  ['inputResponses', undefined],
  ['requestState', undefined],
];

/** The targets of `tools/call`, made once for each tool. */
export class ToolTargets {
  readonly #targets = new WeakMap<ToolEntry, CallTarget>();

  of(tool: ToolEntry): CallTarget {
    let target = this.#targets.get(tool);
    if (target === undefined) {
      target = namedTarget(tool.server, 'tools/call', 'name', tool.originalName, tool.repeatable, tool);
      this.#targets.set(tool, target);
    }
    return target;
  }
}

/** The target of a request that names what it wants in one member of its params. */
export function namedTarget(
  server: string,
  method: string,
  member: 'name' | 'uri' | 'taskId',
  originalName: string,
  repeatable: boolean,
  tool?: ToolEntry,
): CallTarget {
  return {
    server,
    method,
    originalName,
    isNamed: true,
    replace: new Map<string, Buffer | undefined>([[member, text(originalName)], ...HOP]),
    repeatable,
    tool,
  };
}

/** The target of `completion/complete`, whose `ref` is rewritten as a whole. */
export function completionTarget(server: string, ref: Buffer, originalName: string): CallTarget {
  return {
    server,
    method: 'completion/complete',
    originalName,
    isNamed: false,
    replace: new Map([['ref', ref]]),
    repeatable: true,
    tool: undefined,
  };
}

/** The target of a method that the gateway knows nothing of, for the one server in scope. */
export function unknownTarget(server: string, method: string): CallTarget {
  return {
    server,
    method,
    originalName: undefined,
    isNamed: false,
    replace: new Map(),
    repeatable: false,
    tool: undefined,
  };
}
