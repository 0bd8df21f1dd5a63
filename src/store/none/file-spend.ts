import type {
  CallFilter,
  CallQuery,
  SpendQueries,
  SpendScope,
  TagUse,
  Usage,
  UsageDimension,
  UsageGroup,
  UsageQuery,
  UsageRow,
} from '../store-ports.ts';
import type { LedgerRow } from '../call-records.ts';
import { isEnded, namesOf, NOTHING, plus, usageOf, valueOf } from './file-groups.ts';
import type { FileSums, Sum } from './file-sums.ts';

const ROWS_MAX = 10_000;
const TAGS_MAX = 100_000;

/** What was used, summed up from the calls themselves: without a database nobody else keeps sums. */
export class FileSpend implements SpendQueries {
  readonly #rows: () => ReadonlyMap<string, LedgerRow>;
  readonly #sums: Pick<FileSums, 'between'>;

  /** `rows`: every call, for those who ask for calls. */
  constructor(rows: () => ReadonlyMap<string, LedgerRow>, sums: Pick<FileSums, 'between'>) {
    this.#rows = rows;
    this.#sums = sums;
  }

  async spentSince(scope: SpendScope, id: string, sinceMs: number): Promise<Usage> {
    const filter = { [scope]: id };
    const [all] = await this.usage({ from: sinceMs, to: Number.POSITIVE_INFINITY, groupBy: [], filter });
    const { requests, failures, promptTokens, completionTokens, cost } = all!;
    return { requests, failures, promptTokens, completionTokens, cost };
  }

  async usage({
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
    for (const { startedAt, names, usage } of (await this.#sums.between(from, to)) ?? this.#each(from, to)) {
      if (wanted.some(([name, value]) => valueOf(name, startedAt, names) !== value)) continue;
      const group: UsageGroup = Object.fromEntries(
        groupBy.map((name) => [name, valueOf(name, startedAt, names)]),
      );
      const id = JSON.stringify(group);
      sums.set(id, { group, ...plus(sums.get(id) ?? NOTHING, usage) });
    }
    const rows = [...sums.values()].sort((a, b) => compare(a.group, b.group, groupBy));
    const later = after === undefined ? rows : rows.filter(({ group }) => compare(group, after, groupBy) > 0);
    return later.slice(0, Math.min(limit, ROWS_MAX));
  }

  byTag({ from, to }: { readonly from: number; readonly to: number }): Promise<readonly TagUse[]> {
    const uses = new Map<string, TagUse>();
    for (const row of this.#rows().values()) {
      if (!isEnded(row) || row.tags === undefined || row.startedAt < from || row.startedAt >= to) continue;
      for (const tag of new Set(tagsIn(row.tags))) {
        const id = JSON.stringify([tag, row.keyId]);
        const { requests, cost } = plus({ ...NOTHING, ...uses.get(id) }, usageOf(row));
        uses.set(id, { tag, key: row.keyId, requests, cost });
      }
    }
    const sorted = [...uses.values()].sort((a, b) => bytewise(a.tag, b.tag) || bytewise(a.key, b.key));
    return Promise.resolve(sorted.slice(0, TAGS_MAX));
  }

  *#each(from: number, to: number): Generator<Sum> {
    for (const row of this.#rows().values())
      if (isEnded(row) && row.startedAt >= from && row.startedAt < to)
        yield { startedAt: row.startedAt, names: namesOf(row), usage: usageOf(row) };
  }

  find({ filter = {}, limit, before }: CallQuery): Promise<readonly LedgerRow[]> {
    const found = [...this.#rows().values()]
      .filter((row) => matches(row, filter) && (before === undefined || newestFirst(before, row) < 0))
      .sort(newestFirst);
    return Promise.resolve(found.slice(0, Math.min(limit, ROWS_MAX)));
  }
}

/** As PostgreSQL compares. */
const bytewise = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function compare(a: UsageGroup, b: UsageGroup, by: readonly UsageDimension[]): number {
  for (const name of by) {
    const order = bytewise(a[name] ?? '', b[name] ?? '');
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

/** Tags as they were recorded; a text that was cut is none. */
function tagsIn(text: string): readonly string[] {
  try {
    const tags: unknown = JSON.parse(text);
    return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
  } catch {
    return [];
  }
}
