import type { CacheMark, Extras, JsonObject, Part } from './parts.ts';
import type { FormatName } from './format-name.ts';

/** Whose words a turn holds. Results of tools are parts of `user` turns. */
export type Role = 'system' | 'user' | 'assistant';

export interface Turn {
  readonly role: Role;
  readonly parts: readonly Part[];
  /** The participant's name (Chat Completions). */
  readonly name?: string | undefined;
  readonly extras?: Extras | undefined;
}

/** A function that the client executes, with the JSON schema of its input. */
export interface FunctionTool {
  readonly kind: 'function';
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly description?: string | undefined;
  readonly schema: JsonObject | undefined;
  readonly strict?: boolean | undefined;
  readonly cache?: CacheMark | undefined;
  readonly extras?: Extras | undefined;
}

/** A tool that takes any text (OpenAI, custom tools). */
export interface FreeformTool {
  readonly kind: 'freeform';
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly description?: string | undefined;
  /** The format's own object that constrains the text. */
  readonly grammar?: JsonObject | undefined;
  readonly extras?: Extras | undefined;
}

/** A group of tools (Responses, tools of type `namespace`): its tools have its name as their `namespace`. */
export interface ToolNamespace {
  readonly name: string;
  /** What the model is told of all of them, for example the instructions of an MCP server. */
  readonly description?: string | undefined;
  readonly extras?: Extras | undefined;
}

/** A tool that the provider executes itself. */
export interface ForeignTool {
  readonly kind: 'foreign';
  readonly format: FormatName;
  readonly value: JsonObject;
}

/** Servers behind the gateway whose tools the model shall have (OpenAI, tools of type `mcp`; Anthropic, `mcp_servers`). */
export interface ServerTools {
  readonly kind: 'servers';
  readonly label: string;
  /** As the client wrote it: this gateway's own name or address, or that of somebody else's server. */
  readonly url: string | undefined;
  readonly allowed: readonly string[] | undefined;
  /** Tools that the model must not have, whatever `allowed` says. */
  readonly denied?: readonly string[] | undefined;
  /** Tools that are called without asking; `all`, `none`, or by name. */
  readonly approved: 'all' | 'none' | readonly string[];
  /** The format's own object, for a server that is not ours. */
  readonly format: FormatName;
  readonly value: JsonObject;
}

export type Tool = FunctionTool | FreeformTool | ForeignTool | ServerTools;

export type ToolChoice =
  | { readonly kind: 'auto' | 'required' | 'none' }
  | { readonly kind: 'tool'; readonly name: string; readonly namespace?: string | undefined }
  | { readonly kind: 'allowed'; readonly mode: 'auto' | 'required'; readonly names: readonly string[] };

/** How much a model shall think. */
export interface Reasoning {
  readonly isOff?: boolean | undefined;
  /** none, minimal, low, medium, high, xhigh, max: as the formats write it. */
  readonly effort?: string | undefined;
  readonly budgetTokens?: number | undefined;
  /** Whether the model decides itself (Anthropic, adaptive thinking). */
  readonly isAdaptive?: boolean | undefined;
  /** Whether, and in what detail, thoughts are shown. */
  readonly summary?: string | undefined;
  readonly includeThoughts?: boolean | undefined;
}

export type OutputShape =
  | { readonly kind: 'json' }
  | {
      readonly kind: 'schema';
      readonly name?: string | undefined;
      readonly description?: string | undefined;
      readonly schema: JsonObject;
      readonly strict?: boolean | undefined;
    };

export interface Sampling {
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly choices?: number | undefined;
  /** Whether probabilities of tokens are wanted, and of how many. */
  readonly logprobs?: { readonly top: number | undefined } | undefined;
}

/** A request for one answer of a model, in no format: everything that at least two formats can say has a place of its own. */
export interface ModelRequest {
  readonly model: string;
  readonly isStream: boolean;
  /** Instructions before the conversation; later ones are turns with the role `system`. */
  readonly system: readonly Part[];
  readonly turns: readonly Turn[];
  readonly tools: readonly Tool[];
  readonly namespaces?: readonly ToolNamespace[] | undefined;
  readonly toolChoice?: ToolChoice | undefined;
  readonly parallelToolCalls?: boolean | undefined;
  readonly sampling: Sampling;
  readonly reasoning?: Reasoning | undefined;
  /** Whether thoughts shall come with the seals that bring them back (Responses, `include`: `reasoning.encrypted_content`). */
  readonly sealedThoughts?: boolean | undefined;
  readonly output?: OutputShape | undefined;
  /** low, medium, high (OpenAI). */
  readonly verbosity?: string | undefined;
  /** Who asks, as the client names them. */
  readonly user?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly serviceTier?: string | undefined;
  readonly cacheKey?: string | undefined;
  /** Top-level members that only the client's format has. */
  readonly extras?: Extras | undefined;
}
