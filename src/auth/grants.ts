import type { KeyRecord } from '../keys/account-records.ts';
import type { VirtualEntry } from '../keys/key-ring.ts';

/** What one account may use, as it was written. */
export interface Share {
  /** Where it stands: `virtual_keys[2]`, `keys.<alias or id>`, `teams.<id>`, `users.<id>`. */
  readonly source: string;
  /** Names, names with a star, access groups; `undefined` sets no limit. */
  readonly models: readonly string[] | undefined;
  /** Names, aliases and access groups; `undefined` sets no limit. */
  readonly mcpServers: readonly string[] | undefined;
  /** By server: the tools that may be used of it. */
  readonly toolPermissions?: Readonly<Record<string, readonly string[]>>;
  /** Tools, of whichever server; `undefined` means every tool. */
  readonly mcpTools?: readonly string[] | undefined;
}

/** The rights of a virtual key, as they were written. */
export interface Grants extends Share {
  readonly models: readonly string[];
  readonly mcpServers: readonly string[];
  /** What the key's team and user may use: the key may use nothing beyond. The team comes first. */
  readonly within?: readonly Share[];
}

/** Word of LiteLLM in the list of a user who may use models through teams alone. */
const NO_OWN_MODELS = 'no-default-models';

/** What a key was given, and within which bounds. */
export function grantsOf({ key, team, user }: VirtualEntry): Grants {
  const within: Share[] = [];
  if (team !== undefined) within.push(bound(`teams.${team.id}`, team));
  else if (key.team !== undefined && key.origin === 'store')
    // Its team was deleted in a moment in which it was made; what the team allowed is not known any more.
    within.push({ source: `teams.${key.team} (deleted)`, models: [], mcpServers: [] });
  if (user !== undefined)
    within.push(
      key.team !== undefined && user.models.includes(NO_OWN_MODELS)
        ? { ...bound(`users.${user.id}`, user), models: undefined }
        : bound(`users.${user.id}`, user),
    );
  return Object.freeze({
    source: key.source,
    models: key.models,
    mcpServers: servers(key),
    mcpTools: key.mcp.tools,
    ...(isEmpty(key.mcp.toolPermissions) ? {} : { toolPermissions: key.mcp.toolPermissions }),
    ...(within.length === 0 ? {} : { within }),
  });
}

type Sharer = Pick<KeyRecord, 'models' | 'mcp'>;

/** Of a team or user an empty list is none: it bounds nothing, because its keys have lists of their own. */
function bound(source: string, account: Sharer): Share {
  const names = servers(account);
  const { toolPermissions, tools } = account.mcp;
  return {
    source,
    models: account.models.length === 0 ? undefined : account.models,
    mcpServers: names.length === 0 ? undefined : names,
    ...(isEmpty(toolPermissions) ? {} : { toolPermissions }),
    ...(tools === undefined ? {} : { mcpTools: tools }),
  };
}

function servers({ mcp }: Sharer): readonly string[] {
  return mcp.accessGroups.length === 0 ? mcp.servers : [...mcp.servers, ...mcp.accessGroups];
}

function isEmpty(record: object): boolean {
  return Object.keys(record).length === 0;
}
