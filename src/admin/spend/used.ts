import type { SpendQueries, UsageDimension, UsageRow } from '../../ledger/ledger-ports.ts';
import type { AdminDeps, AdminPrincipal } from '../admin-ports.ts';
import { seesAll } from '../rights.ts';
import type { Reach } from '../who.ts';
import type { Period } from './period.ts';

type Filter = NonNullable<Parameters<SpendQueries['usage']>[0]['filter']>;

const PAGE = 10_000;
/** Groups that one answer is made of at most. */
const GROUPS_MAX = 200_000;

/** Kinds of calls that use something; there may be records of others, of those who operate the gateway. */
const USING: readonly string[] = ['mcp', 'llm'];

/** Whether a record is of a call of a tool or a model. */
export function isUse({ kind }: { readonly kind: string }): boolean {
  return USING.includes(kind);
}

/** What calls of tools and models used in a period, by these dimensions: all pages of it, in ascending order of the groups. */
export async function used(
  deps: Pick<AdminDeps, 'spend'>,
  period: Period,
  groupBy: readonly UsageDimension[],
  filter: Filter = {},
): Promise<readonly UsageRow[]> {
  const sums = new Map<string, UsageRow>();
  for (const row of await pages(deps, period, [...groupBy, 'kind'], filter)) {
    const { kind = '', ...group } = row.group;
    if (!isUse({ kind })) continue;
    const name = JSON.stringify(group);
    sums.set(name, add(sums.get(name), { ...row, group }));
  }
  return [...sums.values()];
}

async function pages(
  { spend }: Pick<AdminDeps, 'spend'>,
  period: Period,
  groupBy: readonly UsageDimension[],
  filter: Filter,
): Promise<readonly UsageRow[]> {
  const all: UsageRow[] = [];
  for (;;) {
    const after = all.at(-1)?.group;
    const rows = await spend.usage({
      ...period,
      groupBy,
      filter,
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    all.push(...rows);
    if (rows.length < PAGE || all.length >= GROUPS_MAX) return all;
  }
}

/** Whose use a key may see: everybody's, its user's, or its own. */
export function ownFilter(
  principal: AdminPrincipal,
  reach: Reach,
): { readonly user?: string; readonly key?: string } {
  if (seesAll(reach)) return {};
  return principal.user === undefined ? { key: principal.id } : { user: principal.user };
}

/** How keys are called in answers: LiteLLM's `token`; the master key, which has none, by its name. */
export function tokenOf(keyId: string, { keys }: Pick<AdminDeps, 'keys'>): string {
  return keys.findKey(keyId)?.digest ?? keyId;
}

/** A key's account by what a request calls it: the key, its token, its alias or its id. Of a deleted key only the id is known. */
export function keyIdOf(ref: string, { keys }: Pick<AdminDeps, 'keys'>): string {
  return keys.findKey(ref)?.id ?? (/^[0-9a-f]{64}$/.test(ref) ? ref.slice(0, 16) : ref);
}

/** Sums rows by a value of each; in descending order of cost. */
export function sumBy(
  rows: readonly UsageRow[],
  nameOf: (row: UsageRow) => string | undefined,
): readonly (readonly [string, UsageRow])[] {
  const sums = new Map<string, UsageRow>();
  for (const row of rows) {
    const name = nameOf(row);
    if (name === undefined || name === '') continue;
    sums.set(name, add(sums.get(name), row));
  }
  return [...sums].sort(([, one], [, other]) => other.cost - one.cost);
}

/** One row with the uses of both. */
export function add(one: UsageRow | undefined, other: UsageRow): UsageRow {
  if (one === undefined) return other;
  return {
    group: one.group,
    requests: one.requests + other.requests,
    failures: one.failures + other.failures,
    promptTokens: one.promptTokens + other.promptTokens,
    completionTokens: one.completionTokens + other.completionTokens,
    cost: rounded(one.cost + other.cost),
  };
}

/** Without the noise of binary fractions: US dollars to 12 digits after the point, as the ledger keeps them. */
export function rounded(usd: number): number {
  return Number(usd.toFixed(12));
}
