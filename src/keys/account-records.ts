import type { KeyLimits, KeyType } from './keys-config.ts';

/** What may be used of MCP: LiteLLM's `object_permission`, and our own list of tools. */
export interface McpGrant {
  /** Server names and aliases; LiteLLM's words `all-proxy-mcpservers`, `all-team-mcpservers` and `no-mcp-servers`, and `*`, count. */
  readonly servers: readonly string[];
  readonly accessGroups: readonly string[];
  /** Tools, of whichever server: original or offered names, or server/tool; `undefined` means all. */
  readonly tools: readonly string[] | undefined;
  /** By server: the tools that may be used of it; a server that is not named has all its tools. */
  readonly toolPermissions: Readonly<Record<string, readonly string[]>>;
}

/** Spend as an operator set it by hand; what the ledger says since `at` comes on top. */
export interface SpendBase {
  /** US dollars. */
  readonly usd: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** Anything; not interpreted, given back as it came. */
export type Metadata = Readonly<Record<string, unknown>>;

/** What keys, users and teams have in common and whoever manages them may set. */
interface AccountFields {
  readonly alias: string | undefined;
  /** Names, names with a star, access groups of models; of a key also `all-team-models`. */
  readonly models: readonly string[];
  /** Names that a model has for this account: from the name in the request to the name here. */
  readonly modelAliases: Readonly<Record<string, string>>;
  readonly mcp: McpGrant;
  readonly limits: KeyLimits;
  readonly spendBase: SpendBase | undefined;
  readonly blocked: boolean;
  readonly metadata: Metadata;
}

/** When and by whom an account was made and last changed (milliseconds since the Unix epoch; alias or id of the principal). */
interface Written {
  readonly createdAt: number;
  readonly createdBy: string;
  readonly updatedAt: number;
  readonly updatedBy: string;
}

/** What may be set of a key. */
export interface KeyFields extends AccountFields {
  readonly description: string | undefined;
  readonly user: string | undefined;
  readonly team: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly expires: number | undefined;
  readonly keyType: KeyType;
  /** Route groups (`llm_api_routes`, `info_routes`, `management_routes`), paths, and paths that end in a star; empty: as `keyType` says. */
  readonly allowedRoutes: readonly string[];
  /** Addresses and CIDR ranges; empty means every address. */
  readonly allowedIps: readonly string[];
  readonly priority: string | undefined;
  readonly tags: readonly string[];
  readonly guardrails: readonly string[];
  readonly permissions: Metadata;
  readonly allowedCacheControls: readonly string[];
}

/** A value that a key had before, while it goes on working. */
export interface FormerValue {
  readonly digest: string;
  /** Milliseconds since the Unix epoch. */
  readonly until: number;
}

/** A key as it is kept and listed: everything but its value. */
export interface KeyRecord extends KeyFields, Written {
  /** The account, for limits and ledger: the first 16 hexadecimal digits of its first value's SHA-256. Stays the same when the key gets a new value. */
  readonly id: string;
  /** SHA-256 of the value in hexadecimal: LiteLLM's `token`. */
  readonly digest: string;
  /** The value as it may be shown: `sk-...abcd`. */
  readonly name: string;
  /** Keys of the configuration can be changed there only. */
  readonly origin: 'configuration' | 'store';
  /** What rules are named after: `virtual_keys[2]`, `keys.<alias or id>`. */
  readonly source: string;
  readonly formerValues: readonly FormerValue[];
}

/** What may be set of a user. */
export interface UserFields extends AccountFields {
  readonly email: string | undefined;
  /** LiteLLM's `user_role`: `proxy_admin`, `proxy_admin_viewer`, `internal_user`, `internal_user_viewer`, … */
  readonly role: string | undefined;
  /** Milliseconds since the Unix epoch: until when its keys work. */
  readonly expires: number | undefined;
}

/** A user. */
export interface UserRecord extends UserFields, Written {
  readonly id: string;
}

/** What may be set of a team. */
export interface TeamFields extends AccountFields {
  readonly organization: string | undefined;
  /** Milliseconds since the Unix epoch: until when its keys work. */
  readonly expires: number | undefined;
  /** What each user may use up of the team's, unless its membership says it. */
  readonly memberLimits: KeyLimits | undefined;
  /** What members who are no admins may do with the team's keys: LiteLLM's routes, `/key/info`. */
  readonly memberPermissions: readonly string[];
}

/** One who belongs to a team. */
export interface TeamMember {
  readonly user: string;
  readonly email: string | undefined;
  readonly role: 'admin' | 'user';
  /** What this member may use up of the team's. */
  readonly limits: KeyLimits | undefined;
}

/** A team. */
export interface TeamRecord extends TeamFields, Written {
  readonly id: string;
  readonly members: readonly TeamMember[];
}

/** Changes: members that are absent stay as they are, members that are `undefined` are taken away. */
export type KeyChange = Partial<KeyFields>;
/** As KeyChange. */
export type UserChange = Partial<UserFields>;
/** As KeyChange. */
export type TeamChange = Partial<TeamFields>;
