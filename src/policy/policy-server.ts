/** What policy knows of a configured MCP server. */
export interface PolicyServer {
  readonly name: string;
  readonly alias: string | undefined;
  /** Further names that clients may narrow to. */
  readonly otherAliases: readonly string[];
  readonly accessGroups: readonly string[];
  readonly allowAllKeys: boolean;
  /** `undefined` means every tool; empty means none. */
  readonly allowedTools: readonly string[] | undefined;
  readonly disallowedTools: readonly string[];
  /** Names of client headers that are passed on, lower case. */
  readonly extraHeaders: readonly string[];
}
