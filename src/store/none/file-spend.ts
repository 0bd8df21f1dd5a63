import type {
  CallFilter,
  CallQuery,
  SpendQueries,
  SpendScope,
  Usage,
  UsageDimension,
  UsageGroup,
  UsageQuery,
  UsageRow,
} from '../store-ports.ts';
import type { LedgerRow } from '../call-records.ts';

const ROWS_MAX = 10_000;
const NOTHING: Usage = { requests: 0, failures: 0, promptTokens: 0, completionTokens: 0, cost: 0 };

type Ended = LedgerRow & Required<Pick<LedgerRow, 'status'>>;

const VALUES: Readonly<Record<UsageDimension, (row: Ended) => string | undefined>> = {
  hour: ({ startedAt }) => `${new Date(startedAt).toISOString().slice(0, 13)}:00:00Z`,
  day: ({ startedAt }) => new Date(startedAt).toISOString().slice(0, 10),
  kind: ({ kind }) => kind,
  key: ({ keyId }) => keyId,
  user: ({ user }) => user,
  team: ({ team }) => team,
  // A model that nothing answered to is text of a stranger and no group of its own.
  model: ({ model, deployment, cost, status }) =>
    deployment !== undefined || cost !== undefined || status === 'ok' ? model : undefined,
  deployment: ({ deployment }) => deployment,
  server: ({ server }) => server,
  tool: ({ originalName }) => originalName,
};

/** What was used, from the calls themselves: without a database there are no sums. */
export class FileSpend implements SpendQueries {
  readonly #rows: () => ReadonlyMap<string, LedgerRow>;

  constructor(rows: () => ReadonlyMap<string, LedgerRow>) {
    this.#rows = rows;
  }

  async spentSince(scope: SpendScope, id: string, sinceMs: number): Promise<Usage> {
    const filter = { [scope]: id };
    const [all] = await this.usage({ from: sinceMs, to: Number.POSITIVE_INFINITY, groupBy: [], filter });
    const { requests, failures, promptTokens, completionTokens, cost } = all!;
    return { requests, failures, promptTokens, completionTokens, cost };
  }

  usage({
    from,
    to,
    groupBy,
    filter = {},
    limit = ROWS_MAX,
    after,
  }: UsageQuery): Promise<readonly UsageRow[]> {
    const wanted = Object.entries(filter) as [UsageDimension, string][];
    const sums = new Map<string, UsageRow>();
    if (groupBy.length === 0) sums.set('{}', { group: {}, ...NOTHING });
    for (const row of this.#rows().values()) {
      if (!isEnded(row) || row.startedAt < from || row.startedAt >= to) continue;
      if (wanted.some(([name, value]) => (VALUES[name](row) ?? '') !== value)) continue;
      const group: UsageGroup = Object.fromEntries(groupBy.map((name) => [name, VALUES[name](row) ?? '']));
      const id = JSON.stringify(group);
      sums.set(id, plus(sums.get(id) ?? { group, ...NOTHING }, row));
    }
    const rows = [...sums.values()].sort((a, b) => compare(a.group, b.group, groupBy));
    const later = after === undefined ? rows : rows.filter(({ group }) => compare(group, after, groupBy) > 0);
    return Promise.resolve(later.slice(0, Math.min(limit, ROWS_MAX)));
  }

  find({ filter = {}, limit, before }: CallQuery): Promise<readonly LedgerRow[]> {
    const found = [...this.#rows().values()]
      .filter((row) => matches(row, filter) && (before === undefined || newestFirst(before, row) < 0))
      .sort(newestFirst);
    return Promise.resolve(found.slice(0, Math.min(limit, ROWS_MAX)));
  }
}

function isEnded(row: LedgerRow): row is Ended {
  return row.status !== undefined && row.kind !== 'admin';
}

function plus(sum: UsageRow, row: Ended): UsageRow {
  return {
    group: sum.group,
    requests: sum.requests + 1,
    failures: sum.failures + (row.status === 'ok' ? 0 : 1),
    promptTokens: sum.promptTokens + (row.promptTokens ?? 0),
    completionTokens: sum.completionTokens + (row.completionTokens ?? 0),
    // Twelve digits after the point is what a cost has; sums of fractions would have more.
    cost: Math.round((sum.cost + (row.cost ?? 0)) * 1e12) / 1e12,
  };
}

/** Byte by byte, as PostgreSQL compares. */
function compare(a: UsageGroup, b: UsageGroup, by: readonly UsageDimension[]): number {
  for (const name of by) {
    const order = Buffer.compare(Buffer.from(a[name] ?? ''), Buffer.from(b[name] ?? ''));
    if (order !== 0) return order;
  }
  return 0;
}

type Place = Pick<LedgerRow, 'startedAt' | 'id'>;

function newestFirst(a: Place, b: Place): number {
  return b.startedAt - a.startedAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

function matches(row: LedgerRow, filter: CallFilter): boolean {
  const { key, user, team, kind, model, server, tool, status, parent, id, from, to } = filter;
  return (
    (key === undefined || row.keyId === key) &&
    (user === undefined || row.user === user) &&
    (team === undefined || row.team === team) &&
    (kind === 'all' || (kind === undefined ? row.kind !== 'admin' : row.kind === kind)) &&
    (model === undefined || row.model === model) &&
    (server === undefined || row.server === server) &&
    (tool === undefined || row.originalName === tool || row.toolName === tool) &&
    (status === undefined || (row.status ?? 'open') === status) &&
    (parent === undefined || row.parentId === parent) &&
    (id === undefined || row.id === id.toLowerCase()) &&
    (from === undefined || row.startedAt >= from) &&
    (to === undefined || row.startedAt < to)
  );
}
