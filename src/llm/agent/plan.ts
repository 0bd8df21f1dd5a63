import { invalid } from '../conversation/llm-failure.ts';
import type { Extras, Part } from '../conversation/parts.ts';
import type { FunctionTool, ModelRequest, ServerTools, Tool, Turn } from '../conversation/request.ts';
import type { OfferedTool, ToolHost } from '../llm-ports.ts';

/** A tool of ours that a model may use in one request. */
export interface Offer {
  readonly tool: OfferedTool;
  /** What the client calls the servers that it is of. */
  readonly label: string;
  readonly needsApproval: boolean;
}

/** What one request may use of ours. */
export interface ToolPlan {
  /** By the names that the model is given. */
  readonly offers: ReadonlyMap<string, Offer>;
  /** Each group of servers that the client named, with its tools, for the answer. */
  readonly lists: readonly { readonly label: string; readonly tools: readonly OfferedTool[] }[];
  /** Whether the client named us as clients of LiteLLM do. */
  readonly isLitellm: boolean;
  /** How many calls the client allows (Responses, `max_tool_calls`). */
  readonly callsMax: number | undefined;
  /** The request as a model gets it: with our tools as functions, and without their servers. */
  readonly request: ModelRequest;
}

/** Words and addresses by which a client means this gateway. */
const OURS = /^(?:litellm_proxy|lanport)(?:\/(?:mcp\/?)?([^?#]*))?$/;

/** The names of servers that an address means; `undefined`: it is somebody else's. An empty list: all servers. */
function namesIn(url: string | undefined, host: string | undefined): readonly string[] | undefined {
  if (url === undefined) return undefined;
  const own = OURS.exec(url);
  if (own !== null) return split(own[1] ?? '');
  if (host === undefined || !URL.canParse(url)) return undefined;
  const { host: addressed, pathname } = new URL(url);
  if (addressed !== host) return undefined;
  const scoped = /^\/(?:mcp\/([^/]+)|([^/]+)\/mcp)\/?$/.exec(pathname);
  return split(decodeURIComponent(scoped?.[1] ?? scoped?.[2] ?? ''));
}

function split(text: string): readonly string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/**
 * Works out which of our tools a request may use; `undefined`: none are asked for. `host`: the address that the client reached us at.
 * Rejects with LlmFailure for servers that are unknown, that have no tools, or whose tools' names are taken.
 */
export async function planTools(
  request: ModelRequest,
  headers: { readonly servers: string | undefined; readonly host: string | undefined },
  host: ToolHost,
): Promise<ToolPlan | undefined> {
  const groups: {
    readonly label: string;
    readonly names: readonly string[];
    readonly servers: ServerTools | undefined;
  }[] = [];
  const rest: Tool[] = [];
  for (const tool of request.tools) {
    const names = tool.kind === 'servers' ? namesIn(tool.url, headers.host) : undefined;
    if (tool.kind === 'servers' && names !== undefined)
      groups.push({ label: tool.label, names, servers: tool });
    else rest.push(tool);
  }
  if (headers.servers !== undefined)
    groups.push({ label: 'lanport', names: split(headers.servers), servers: undefined });
  if (groups.length === 0) return undefined;
  const offers = new Map<string, Offer>();
  const lists: { label: string; tools: OfferedTool[] }[] = [];
  for (const { label, names, servers } of groups) {
    const listed = await host.list(names.length === 0 ? undefined : names); // LlmFailure
    const tools = listed.filter((tool) => isAllowed(tool, servers));
    if (tools.length === 0)
      throw invalid(
        `No tool is left for "${label}": the servers named have none, or "allowed_tools" names none of theirs.`,
        'tools',
      );
    lists.push({ label, tools });
    for (const tool of tools)
      if (!offers.has(tool.name))
        offers.set(tool.name, { tool, label, needsApproval: !isApproved(tool, servers) });
  }
  for (const tool of rest)
    if (tool.kind === 'function' && offers.has(tool.name))
      throw invalid(
        `The function "${tool.name}" has the name of a tool of a server: give it another one.`,
        'tools',
      );
  const { callsMax, extras } = takeCallsMax(request.extras, rest);
  return {
    offers,
    lists,
    callsMax,
    isLitellm: groups.some(({ servers }) => servers?.url?.startsWith('litellm_proxy') === true),
    request: {
      ...request,
      extras,
      tools: [...rest, ...[...offers.values()].map(({ tool }) => asFunction(tool))],
    },
  };
}

/** The bound on calls. It is the gateway's to keep; a provider is told of it where that calls tools of its own as well. */
function takeCallsMax(
  extras: Extras | undefined,
  tools: readonly Tool[],
): { readonly callsMax: number | undefined; readonly extras: Extras | undefined } {
  if (extras?.format !== 'responses') return { callsMax: undefined, extras };
  const { max_tool_calls: said, ...members } = extras.members;
  const callsMax = typeof said === 'number' ? said : undefined;
  const isTold = tools.some(({ kind }) => kind === 'foreign');
  return { callsMax, extras: isTold ? extras : { ...extras, members } };
}

function isAllowed(tool: OfferedTool, servers: ServerTools | undefined): boolean {
  const { allowed, denied } = servers ?? {};
  return (allowed === undefined || named(tool, allowed)) && (denied === undefined || !named(tool, denied));
}

function isApproved(tool: OfferedTool, servers: ServerTools | undefined): boolean {
  if (servers === undefined || servers.approved === 'all') return true;
  return servers.approved !== 'none' && named(tool, servers.approved);
}

/** Whether a list has the tool: by the name that clients know, by its server's own, or by both with something between them. */
function named({ name, originalName, server }: OfferedTool, names: readonly string[]): boolean {
  return names.some(
    (one) =>
      one === name ||
      one === originalName ||
      (one.startsWith(server) &&
        one.endsWith(originalName) &&
        /^(?:[-_/.]|__)$/.test(one.slice(server.length, one.length - originalName.length))),
  );
}

function asFunction({ name, description, schema }: OfferedTool): FunctionTool {
  return {
    kind: 'function',
    name,
    description,
    schema: schema['type'] === undefined ? { type: 'object', ...schema } : schema,
  };
}

/** A call that waited for the client's consent, and has it or not. */
export interface Consent {
  readonly callId: string;
  readonly name: string;
  readonly label: string;
  readonly input: string;
  readonly isApproved: boolean;
  readonly reason: string | undefined;
}

/**
 * Takes the client's consents out of the conversation: each request for one becomes the call that it was about, and the consents are returned, in order.
 * Throws LlmFailure for a consent to what was never asked.
 */
export function takeConsents(request: ModelRequest): {
  readonly request: ModelRequest;
  readonly consents: readonly Consent[];
} {
  const asked = new Map<string, Extract<Part, { kind: 'approval-request' }>>();
  const consents: Consent[] = [];
  const turns: Turn[] = [];
  for (const turn of request.turns) {
    const parts: Part[] = [];
    for (const part of turn.parts) {
      if (part.kind === 'approval-request') {
        asked.set(part.id, part);
        parts.push({ kind: 'tool-call', id: part.id, name: part.name, input: part.input });
      } else if (part.kind === 'approval') {
        const about = asked.get(part.requestId);
        if (about === undefined)
          throw invalid(`There is no approval request "${part.requestId}" in this conversation.`, 'input');
        consents.push({
          callId: about.id,
          name: about.name,
          label: about.server,
          input: about.input,
          isApproved: part.isApproved,
          reason: part.reason,
        });
      } else parts.push(part);
    }
    if (parts.length > 0) turns.push({ ...turn, parts });
  }
  return { request: { ...request, turns }, consents };
}
