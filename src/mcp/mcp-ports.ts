import type { Secret } from '../core/secret.ts';

/**
 * What the MCP engine needs from the outside. `store/`, `policy/`, `app/` and tests implement these; the engine runs without keys,
 * policy or a database.
 */

/** Other gateways that serve the same clients. What is said is said once, and lost on those that are away. */
export interface Neighbours {
  /** Says something to all of them; `false` when that cannot be done now. */
  tell(word: string): boolean;
  /** Is told what they say; returns the way to stop. */
  hear(listener: (word: string) => void): () => void;
}

/** Where there is one gateway alone. */
export const NO_NEIGHBOURS: Neighbours = { tell: () => false, hear: () => () => undefined };

/** How a server is declared to be reached. `in-process` is a connector that runs inside the gateway (`command: lanport:<name>`). */
export type DeclaredTransport = 'stdio' | 'http' | 'sse' | 'in-process';

/** One configured MCP server, checked and completed. Durations in milliseconds. */
export interface ServerConfig {
  /** Key under `mcp_servers` (or `name` of the older list form). */
  readonly name: string;
  /** Prefix of its tools, when it has one; else the name is. */
  readonly alias: string | undefined;
  /** Further names that clients may narrow to (`mcp_aliases`). */
  readonly otherAliases: readonly string[];
  readonly transport: DeclaredTransport;
  readonly transportStrict: boolean;
  readonly url: string | undefined;
  readonly command: string | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, Secret>>;
  readonly cwd: string | undefined;
  /** Headers sent on every request to this server: `static_headers` and what `auth_type` and `auth_value` make. */
  readonly headers: Readonly<Record<string, Secret>>;
  /** Names of client headers that are passed on (`extra_headers`), lower case. */
  readonly extraHeaders: readonly string[];
  readonly description: string | undefined;
  readonly accessGroups: readonly string[];
  readonly allowAllKeys: boolean;
  readonly allowedTools: readonly string[] | undefined;
  readonly disallowedTools: readonly string[];
  /** Changes to single tools, by their original names. */
  readonly toolOverrides: Readonly<Record<string, ToolOverride>>;
  /** What happens with a tool that changes after it was first seen. */
  readonly onToolChange: 'notify' | 'hold';
  readonly startTimeoutMs: number;
  readonly callTimeoutMs: number;
  readonly concurrency: number;
  /** Whether its names carry its prefix when several servers are in scope. */
  readonly toolPrefix: 'alias' | 'none';
  readonly isolation: 'shared' | 'session' | 'key';
  readonly idleShutdownMs: number | undefined;
  /** Where the entry stands, for findings: file, line (1-based) and the line of each key that a finding may name. */
  readonly source: {
    readonly file: string;
    readonly line: number;
    readonly keyLines: Readonly<Record<string, number>>;
  };
}

/** How the operator wants one tool to be offered; what is left out stays as the server has it. */
export interface ToolOverride {
  readonly name: string | undefined;
  readonly title: string | undefined;
  readonly description: string | undefined;
  /** Members of `annotations` that are set. */
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly hidden: boolean;
  /** Arguments that clients do not see and that every call is sent with. */
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** The engine's slice of the configuration. */
export interface McpConfig {
  readonly servers: readonly ServerConfig[];
  /** Between prefix and tool name. */
  readonly separator: string;
}

/** What is remembered of one server between starts. */
export interface CatalogRecord {
  readonly server: string;
  /** Hash over what decides which server this is (transport, url, command, args); a different one makes the record stale. */
  readonly fingerprint: string;
  /** JSON text, written and read by the engine alone; kept byte for byte. */
  readonly payload: string;
  /** Milliseconds since the Unix epoch. */
  readonly updatedAt: number;
}

export interface CatalogStore {
  loadAll(): Promise<readonly CatalogRecord[]>;
  save(record: CatalogRecord): Promise<void>;
  remove(server: string): Promise<void>;
}

/** What is remembered of one tool's definitions. */
export interface ToolHistoryRecord {
  readonly server: string;
  /** The server's own name of the tool as JSON writes it, without the quotes: neither NUL nor half a character. */
  readonly tool: string;
  /** JSON text, written and read by the engine alone; kept byte for byte. */
  readonly payload: string;
  /** Milliseconds since the Unix epoch. */
  readonly updatedAt: number;
}

export interface ToolHistoryStore {
  /** The records of these servers. */
  load(servers: readonly string[]): Promise<readonly ToolHistoryRecord[]>;
  /** Keeps all of them or none. */
  save(records: readonly ToolHistoryRecord[]): Promise<void>;
  remove(server: string, tools: readonly string[]): Promise<void>;
}

/** What one request may see and call. Two requests with equal `key` see the same, so lists are cached under it. */
export interface Visibility {
  readonly key: string;
  /** Names of configured servers, in configuration order. */
  readonly servers: readonly string[];
  allowsTool(server: string, originalName: string): boolean;
}

/** An MCP server inside this process: JSON-RPC messages in and out as UTF-8 bytes, no framing. */
export interface InProcessServer extends AsyncDisposable {
  /** Answers a request with one message; a notification with `undefined`. */
  handle(message: Uint8Array, signal: AbortSignal, sender?: MessageSender): Promise<Uint8Array | undefined>;
}

/** Who sent a message to an InProcessServer, and the way to tell them something before it is answered. */
export interface MessageSender {
  /** Different for those who must not share anything; `undefined` where there is only one. */
  readonly principalId?: string | undefined;
  /** Takes a notification about the request, as JSON-RPC in UTF-8; `undefined`: there is no way. */
  readonly tell?: ((notification: Buffer) => void) | undefined;
}
