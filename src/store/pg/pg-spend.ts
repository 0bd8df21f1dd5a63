import type { Pool, QueryResult, QueryResultRow } from 'pg';
import type {
  CallQuery,
  SpendQueries,
  SpendScope,
  TagUse,
  Usage,
  UsageDimension,
  UsageQuery,
  UsageRow,
} from '../store-ports.ts';
import type { LedgerRow } from '../call-records.ts';
import { type CallRow, toRow } from './ledger-columns.ts';
import { reached } from './reached.ts';
import { tableOf } from './ledger-partitions.ts';

const HOUR_MS = 3_600_000;
const ROWS_MAX = 10_000;
const TAGS_MAX = 100_000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Column in the table of sums, and what stands for it in a row of the ledger. */
const DIMENSIONS: Readonly<Record<Exclude<UsageDimension, 'hour' | 'day'>, readonly [string, string]>> = {
  kind: ['kind', 'kind'],
  key: ['key_id', 'key_id'],
  user: ['user_id', 'user_id'],
  team: ['team', 'team'],
  model: ['model', 'ledger_usage_model(model, deployment, status, cost)'],
  deployment: ['deployment', 'deployment'],
  server: ['server', 'server'],
  tool: ['tool', 'original_name'],
};

/** `C`: groups are compared byte by byte, in the order and for the page after it alike. */
const GROUPS: Readonly<Record<UsageDimension, string>> = {
  hour: `to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00:00"Z"') COLLATE "C"`,
  day: `to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD') COLLATE "C"`,
  ...(Object.fromEntries(
    Object.entries(DIMENSIONS).map(([name, [column]]) => [name, `coalesce(${column}, '') COLLATE "C"`]),
  ) as Record<keyof typeof DIMENSIONS, string>),
};

const SUMS = `coalesce(sum(requests), 0) AS requests, coalesce(sum(failures), 0) AS failures,
  coalesce(sum(prompt_tokens), 0) AS prompt_tokens, coalesce(sum(completion_tokens), 0) AS completion_tokens, coalesce(sum(cost), 0) AS cost`;

/** Collects values, and gives the places where they stand in the statement. */
class Values {
  readonly list: unknown[] = [];

  add(value: unknown): string {
    this.list.push(value);
    return `$${this.list.length}`;
  }

  moment(ms: number): string {
    return `${this.add(new Date(ms))}::timestamptz`;
  }
}

/** What was used: whole hours from their sums, the rest of an hour from the calls themselves. */
export class PgSpend implements SpendQueries {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
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
    const values = new Values();
    const groups = groupBy.map((name) => GROUPS[name]);
    const parts = usedBetween(from, to, filter, values);
    const later =
      after === undefined || groupBy.length === 0
        ? ''
        : `WHERE (${groups.join(', ')}) > (${groupBy.map((name) => `${values.add(after[name] ?? '')}::text`).join(', ')})`;
    const page =
      groups.length === 0
        ? ''
        : `GROUP BY ${groups.map((_, at) => at + 1).join(', ')} ORDER BY ${groups.map((_, at) => at + 1).join(', ')}`;
    const { rows } = await this.#query<Record<string, string>>(
      `SELECT ${groupBy.map((name) => `${GROUPS[name]} AS "group_${name}", `).join('')}${SUMS}
       FROM (${parts}) AS used ${later} ${page} LIMIT ${values.add(Math.min(limit, ROWS_MAX))}`,
      values.list,
    );
    return rows.map((row) => ({
      group: Object.fromEntries(groupBy.map((name) => [name, row[`group_${name}`] ?? ''])),
      requests: Number(row['requests']),
      failures: Number(row['failures']),
      promptTokens: Number(row['prompt_tokens']),
      completionTokens: Number(row['completion_tokens']),
      cost: Number(row['cost']),
    }));
  }

  async byTag({ from, to }: { readonly from: number; readonly to: number }): Promise<readonly TagUse[]> {
    const { rows } = await this.#query<Record<string, string>>(
      `SELECT tag, key_id, count(*) AS requests, coalesce(sum(cost), 0) AS cost
       FROM ledger_calls AS c, LATERAL (SELECT DISTINCT jsonb_array_elements_text(ledger_tags(c.tags)) AS tag) AS t
       WHERE tags IS NOT NULL AND ended_at IS NOT NULL AND kind <> 'admin' AND started_at >= $1 AND started_at < $2
       GROUP BY 1, 2 ORDER BY tag COLLATE "C", key_id COLLATE "C" LIMIT ${TAGS_MAX}`,
      [new Date(from), new Date(to)],
    );
    return rows.map((row) => ({
      tag: row['tag'] ?? '',
      key: row['key_id'] ?? '',
      requests: Number(row['requests']),
      cost: Number(row['cost']),
    }));
  }

  async find({ filter = {}, limit, before }: CallQuery): Promise<readonly LedgerRow[]> {
    const values = new Values();
    const { rows } = await this.#query<CallRow>(
      `SELECT * FROM ledger_calls ${where(conditions(filter, before, values))}
       ORDER BY started_at DESC, id DESC LIMIT ${values.add(Math.min(limit, ROWS_MAX))}`,
      values.list,
    );
    return rows.map(toRow);
  }

  #query<Row extends QueryResultRow>(text: string, values: unknown[]): Promise<QueryResult<Row>> {
    return reached(this.#pool.query<Row>(text, values));
  }
}

const where = (all: readonly string[]): string => (all.length === 0 ? '' : `WHERE ${all.join(' AND ')}`);

/** Rows with the columns of the sums for the time between, as whole hours and what is left at both ends. */
function usedBetween(
  from: number,
  to: number,
  filter: NonNullable<UsageQuery['filter']>,
  values: Values,
): string {
  const named = Object.entries(filter) as [keyof typeof DIMENSIONS, string][];
  const places = named.map(([name, value]) => [name, values.add(value), value] as const);
  /** No value is the same as an empty one, as in the groups. */
  const matching = (side: 0 | 1): string[] =>
    places.map(([name, place, value]) => {
      const column = DIMENSIONS[name][side];
      return `${value === '' ? `coalesce(${column}, '')` : column} = ${place}`;
    });
  const firstHour = Math.ceil(from / HOUR_MS) * HOUR_MS;
  const lastHour = Math.floor(to / HOUR_MS) * HOUR_MS;
  const calls = (start: number, end: number): string =>
    `SELECT date_trunc('hour', started_at, 'UTC') AS hour, ${Object.values(DIMENSIONS)
      .map(([column, source]) => `${source} AS ${column}`)
      .join(
        ', ',
      )}, 1 AS requests, CASE status WHEN 'ok' THEN 0 ELSE 1 END AS failures, prompt_tokens, completion_tokens, cost
     FROM ledger_calls ${where([...matching(1), 'ended_at IS NOT NULL', `kind <> 'admin'`, `started_at >= ${values.moment(start)}`, `started_at < ${values.moment(end)}`])}`;
  const sums = (start: number, end: number): string =>
    `SELECT hour, ${Object.values(DIMENSIONS)
      .map(([column]) => column)
      .join(', ')}, requests, failures, prompt_tokens, completion_tokens, cost
     FROM ledger_usage ${where([...matching(0), `hour >= ${values.moment(start)}`, ...(Number.isFinite(end) ? [`hour < ${values.moment(end)}`] : [])])}`;
  /** Part of an hour; all of it when its calls have been removed: then nobody knows more, and too much is better than too little. */
  const part = (start: number, end: number): string => {
    const hour = Math.floor(start / HOUR_MS) * HOUR_MS;
    const table = tableOf(new Date(hour).toISOString().slice(0, 10));
    return `${calls(start, end)} UNION ALL ${sums(hour, hour + HOUR_MS)} AND to_regclass('${table}') IS NULL`;
  };
  if (firstHour > lastHour) return part(from, to);
  const parts = [sums(firstHour, lastHour)];
  if (from < firstHour) parts.push(part(from, firstHour));
  if (lastHour < to) parts.push(part(lastHour, to));
  return parts.join(' UNION ALL ');
}

function conditions(
  filter: NonNullable<CallQuery['filter']>,
  before: CallQuery['before'],
  values: Values,
): string[] {
  const all: string[] = [];
  const equals = (column: string, value: string | undefined): void => {
    if (value !== undefined) all.push(`${column} = ${values.add(value)}`);
  };
  equals('key_id', filter.key);
  equals('user_id', filter.user);
  equals('team', filter.team);
  if (filter.kind === undefined) all.push(`kind <> 'admin'`);
  else if (filter.kind !== 'all') equals('kind', filter.kind);
  equals('model', filter.model);
  equals('server', filter.server);
  if (filter.tool !== undefined) {
    const place = values.add(filter.tool);
    all.push(`(original_name = ${place} OR tool_name = ${place})`);
  }
  if (filter.status === 'open') all.push('ended_at IS NULL');
  else equals('status', filter.status);
  equals('parent_id', filter.parent);
  if (filter.id !== undefined)
    all.push(UUID.test(filter.id) ? `id = ${values.add(filter.id)}::uuid` : 'false');
  if (filter.from !== undefined) all.push(`started_at >= ${values.moment(filter.from)}`);
  if (filter.to !== undefined) all.push(`started_at < ${values.moment(filter.to)}`);
  if (before !== undefined)
    all.push(`(started_at, id) < (${values.moment(before.startedAt)}, ${values.add(before.id)}::uuid)`);
  return all;
}
