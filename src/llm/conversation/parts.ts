import type { FormatName } from './format-name.ts';

/** JSON as it is parsed; what is not understood travels as this. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** A mark that a prompt cache shall reach to here (Anthropic, "Prompt caching"). */
export interface CacheMark {
  readonly ttl: '5m' | '1h';
}

/** Members that only one format knows, by that format: they go back out in that format and are reported as dropped in every other. */
export interface Extras {
  readonly format: FormatName;
  readonly members: JsonObject;
  /** How that format wrote what has a place of its own here, where it has several words for it. Of no use to others, so no loss. */
  readonly own?: JsonObject | undefined;
}

interface Common {
  readonly cache?: CacheMark | undefined;
  readonly extras?: Extras | undefined;
  /** The id of the item that holds it (Responses); parts of one item share it. Says nothing in other formats, so leaving it out is no loss. */
  readonly itemId?: string | undefined;
}

/** Where bytes are: in the request, behind an address, or at the provider. Ids mean something only to the format they come from. */
export type Source =
  | { readonly kind: 'base64'; readonly mediaType: string; readonly data: string }
  | { readonly kind: 'url'; readonly url: string; readonly mediaType?: string | undefined }
  | {
      readonly kind: 'file';
      readonly id: string;
      readonly format: FormatName;
      readonly mediaType?: string | undefined;
    }
  | { readonly kind: 'text'; readonly text: string };

export interface TextPart extends Common {
  readonly kind: 'text';
  readonly text: string;
  readonly citations?: readonly Citation[] | undefined;
  /** Gemini's thought signature of this text, which may be empty. */
  readonly seal?: Seal | undefined;
}

/** What a text rests on. `raw` is the format's own object. */
export interface Citation {
  readonly format: FormatName;
  readonly url?: string | undefined;
  readonly title?: string | undefined;
  readonly quote?: string | undefined;
  /** Character offsets into the text, end exclusive, where the format gives them. */
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  readonly raw: JsonObject;
}

export interface ImagePart extends Common {
  readonly kind: 'image';
  readonly source: Source;
  readonly detail?: string | undefined;
  /** Gemini's thought signature of this image. */
  readonly seal?: Seal | undefined;
}

/** A PDF, a text, or any other file. */
export interface DocumentPart extends Common {
  readonly kind: 'document';
  readonly source: Source;
  readonly name?: string | undefined;
  readonly context?: string | undefined;
}

export interface AudioPart extends Common {
  readonly kind: 'audio';
  readonly source: Source;
}

export interface VideoPart extends Common {
  readonly kind: 'video';
  readonly source: Source;
}

/** Something that the model will not say. */
export interface RefusalPart extends Common {
  readonly kind: 'refusal';
  readonly text: string;
}

/** What a model thought before it answered. */
export interface ThinkingPart extends Common {
  readonly kind: 'thinking';
  readonly text: string;
  /** Whether `text` is a summary that the provider wrote of it. */
  readonly isSummary?: boolean | undefined;
  /** What proves or carries the thought to the provider that made it; must come back byte for byte. */
  readonly seal?: Seal | undefined;
}

/**
 * An opaque token of one provider: Anthropic's `signature` or redacted `data`, OpenAI's `encrypted_content`, Gemini's `thoughtSignature`.
 * For any other provider it means nothing.
 */
export interface Seal {
  readonly format: FormatName;
  readonly kind: 'signature' | 'redacted' | 'encrypted';
  readonly value: string;
  /** The id of the item that carries it, where the format has one. */
  readonly id?: string | undefined;
}

export interface ToolCallPart extends Common {
  readonly kind: 'tool-call';
  readonly id: string;
  readonly name: string;
  /** The group of tools that the name is in (Responses, tools of type `namespace`). */
  readonly namespace?: string | undefined;
  /** JSON text of an object for functions; any text for freeform tools. Never parsed and written anew, so that prompt caches hold. */
  readonly input: string;
  readonly isFreeform?: boolean | undefined;
  /** Gemini's thought signature of this call. */
  readonly seal?: Seal | undefined;
}

export interface ToolResultPart extends Common {
  readonly kind: 'tool-result';
  readonly callId: string;
  /** The tool, where the format names it or an earlier call does. */
  readonly name?: string | undefined;
  readonly content: readonly Part[];
  readonly isError?: boolean | undefined;
  readonly isFreeform?: boolean | undefined;
  /** The result as an object, where the format has one; `content` says all of it as text. Other formats lose nothing by leaving it out. */
  readonly object?: { readonly format: FormatName; readonly value: JsonObject } | undefined;
}

/**
 * A tool that the gateway itself called, with its result (Responses `mcp_call`; Messages `mcp_tool_use` and `mcp_tool_result`). Where a format
 * has nothing like it, a request says it as a tool call and its result, and an answer leaves it out.
 */
export interface ServerCallPart extends Common {
  readonly kind: 'server-call';
  readonly id: string;
  /** The label that the client gave the server, or the server's name. */
  readonly server: string;
  readonly name: string;
  /** JSON text of an object. */
  readonly input: string;
  /** `undefined` until there is a result. */
  readonly output: readonly Part[] | undefined;
  readonly isError?: boolean | undefined;
  readonly approvalId?: string | undefined;
}

/** The tools that the gateway offered to the model (Responses `mcp_list_tools`). Answers only; requests that bring it back say nothing by it. */
export interface ServerToolsPart extends Common {
  readonly kind: 'server-tools';
  readonly id: string;
  readonly server: string;
  readonly tools: readonly {
    readonly name: string;
    readonly description: string | undefined;
    readonly schema: JsonObject;
  }[];
  /** Why there are none. */
  readonly error?: string | undefined;
}

/** A call that waits for the client's consent (Responses `mcp_approval_request`). */
export interface ApprovalRequestPart extends Common {
  readonly kind: 'approval-request';
  readonly id: string;
  readonly server: string;
  readonly name: string;
  /** JSON text of an object. */
  readonly input: string;
}

/** The client's consent, or refusal (Responses `mcp_approval_response`). */
export interface ApprovalPart extends Common {
  readonly kind: 'approval';
  /** Of the request. */
  readonly requestId: string;
  readonly isApproved: boolean;
  readonly reason?: string | undefined;
}

/** A block that only its own format has (a server tool's result, a container, a computer call …). */
export interface ForeignPart extends Common {
  readonly kind: 'foreign';
  readonly format: FormatName;
  readonly value: JsonObject;
}

export type Part =
  | TextPart
  | ImagePart
  | DocumentPart
  | AudioPart
  | VideoPart
  | RefusalPart
  | ThinkingPart
  | ToolCallPart
  | ToolResultPart
  | ServerCallPart
  | ServerToolsPart
  | ApprovalRequestPart
  | ApprovalPart
  | ForeignPart;
