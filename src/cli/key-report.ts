import { printable } from './printable.ts';

/** A key as `/key/list` and `/key/info` show it; of a new one, with its value. */
export interface ShownKey {
  readonly key?: string;
  readonly key_id: string;
  readonly token?: string;
  readonly key_name: string;
  readonly key_alias: string | null;
  readonly description: string | null;
  readonly user_id: string | null;
  readonly team_id: string | null;
  readonly models: readonly string[];
  readonly object_permission: {
    readonly mcp_servers: readonly string[];
    readonly mcp_access_groups: readonly string[];
    readonly mcp_tools: readonly string[] | null;
  };
  readonly spend: number;
  readonly max_budget: number | null;
  readonly budget_duration: string | null;
  readonly budget_reset_at: string | null;
  readonly rpm_limit: number | null;
  readonly tpm_limit: number | null;
  readonly max_parallel_requests: number | null;
  readonly expires: string | null;
  readonly key_type: string;
  readonly tags: readonly string[];
  readonly allowed_ips: readonly string[];
  readonly blocked: boolean;
  readonly origin: string;
  readonly created_at: string;
  readonly created_by: string;
  readonly former_values_until: readonly string[];
  readonly warnings?: readonly string[];
}

export const KEY_HEADERS = [
  'ALIAS',
  'KEY',
  'ID',
  'USER',
  'TEAM',
  'MODELS',
  'SERVERS',
  'USD',
  'BUDGET',
  'STATE',
];

const NAMES_SHOWN = 3;

/** One line of the list. `now` in milliseconds since the Unix epoch. */
export function keyCells(key: ShownKey, now: number): string[] {
  return [
    key.key_alias ?? '-',
    key.key_name,
    key.key_id,
    key.user_id ?? '-',
    key.team_id ?? '-',
    names(key.models),
    names(serversOf(key)),
    dollars(key.spend),
    budget(key),
    state(key, now),
  ].map(printable);
}

/** Everything about one key. */
export function describeKey(key: ShownKey, now: number): string {
  const lines: [string, string | undefined][] = [
    ['Alias', key.key_alias ?? undefined],
    ['Description', key.description ?? undefined],
    ['Key', `${key.key_name} (id ${key.key_id})`],
    ['State', state(key, now)],
    ['From', key.origin === 'configuration' ? 'the configuration, where it can be changed' : undefined],
    ['User', key.user_id ?? undefined],
    ['Team', key.team_id ?? undefined],
    ['Type', key.key_type === 'default' ? undefined : key.key_type],
    ['Models', key.models.join(', ') || 'none'],
    ['Servers', serversOf(key).join(', ') || 'none'],
    ['Tools', key.object_permission.mcp_tools?.join(', ')],
    ['Spent', `${dollars(key.spend)} USD`],
    ['Budget', key.max_budget === null ? undefined : `${budget(key)} USD`],
    ['Renewed', key.budget_reset_at ?? undefined],
    ['Per minute', perMinute(key)],
    ['Parallel', key.max_parallel_requests?.toString()],
    ['Addresses', key.allowed_ips.join(', ') || undefined],
    ['Tags', key.tags.join(', ') || undefined],
    ['Made', `${key.created_at} by ${key.created_by}`],
    ['Old value', key.former_values_until.map((until) => `works until ${until}`).join(', ') || undefined],
  ];
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(11)} ${printable(value!)}\n`)
    .join('');
}

function serversOf({
  object_permission: { mcp_servers: servers, mcp_access_groups: groups },
}: ShownKey): string[] {
  return [...servers, ...groups];
}

function names(all: readonly string[]): string {
  if (all.length === 0) return '-';
  const more = all.length - NAMES_SHOWN;
  return `${all.slice(0, NAMES_SHOWN).join(',')}${more > 0 ? ` +${more}` : ''}`;
}

function dollars(usd: number): string {
  return usd === 0 ? '0' : usd.toFixed(usd < 1 ? 6 : 2);
}

function budget({ max_budget: max, budget_duration: period }: ShownKey): string {
  return max === null ? '-' : `${max}${period === null ? '' : ` per ${period}`}`;
}

function perMinute({ rpm_limit: rpm, tpm_limit: tpm }: ShownKey): string | undefined {
  const parts = [rpm === null ? [] : `${rpm} requests`, tpm === null ? [] : `${tpm} tokens`].flat();
  return parts.join(', ') || undefined;
}

function state({ blocked, expires }: ShownKey, now: number): string {
  if (blocked) return 'blocked';
  if (expires === null) return 'works';
  return Date.parse(expires) <= now ? `expired ${expires}` : `until ${expires.slice(0, 16)}Z`;
}
