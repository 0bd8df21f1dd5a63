import type { CallEnd, CallStart, LedgerRow } from '../call-records.ts';

/** Columns of a start: name in the table, type, and name in the record. A moment is in milliseconds there. */
export const START_COLUMNS: readonly (readonly [string, string, keyof CallStart])[] = [
  ['id', 'uuid', 'id'],
  ['started_at', 'moment', 'startedAt'],
  ['kind', 'text', 'kind'],
  ['operation', 'text', 'operation'],
  ['key_id', 'text', 'keyId'],
  ['key_alias', 'text', 'keyAlias'],
  ['user_id', 'text', 'user'],
  ['team', 'text', 'team'],
  ['address', 'text', 'address'],
  ['client', 'text', 'client'],
  ['server', 'text', 'server'],
  ['tool_name', 'text', 'toolName'],
  ['original_name', 'text', 'originalName'],
  ['model', 'text', 'model'],
  ['decision', 'text', 'decision'],
  ['rule', 'text', 'rule'],
  ['bytes_in', 'bigint', 'bytesIn'],
  ['trace_id', 'text', 'traceId'],
  ['parent_id', 'uuid', 'parentId'],
  ['digest', 'text', 'digest'],
  ['end_user', 'text', 'endUser'],
  ['session', 'text', 'session'],
  ['tags', 'text', 'tags'],
];

/** Of an end. */
export const END_COLUMNS: readonly (readonly [string, string, keyof CallEnd])[] = [
  ['id', 'uuid', 'id'],
  ['ended_at', 'moment', 'endedAt'],
  ['status', 'text', 'status'],
  ['error_code', 'text', 'errorCode'],
  ['total_ms', 'double precision', 'totalMs'],
  ['upstream_ms', 'double precision', 'upstreamMs'],
  ['bytes_out', 'bigint', 'bytesOut'],
  ['prompt_tokens', 'bigint', 'promptTokens'],
  ['completion_tokens', 'bigint', 'completionTokens'],
  ['cost', 'numeric', 'cost'],
  ['deployment', 'text', 'deployment'],
  ['attempts', 'integer', 'attempts'],
  ['first_ms', 'double precision', 'firstMs'],
  ['details', 'text', 'details'],
  ['tokens_estimated', 'boolean', 'tokensEstimated'],
];

/** A row of ledger_calls. */
export interface CallRow extends Record<string, unknown> {
  readonly id: string;
}

/** A row of the table as the record of a call. */
export function toRow(row: CallRow): LedgerRow {
  const text = (name: string): string | undefined => (row[name] === null ? undefined : String(row[name]));
  const number = (name: string): number | undefined => (row[name] === null ? undefined : Number(row[name]));
  const time = (name: string): number | undefined =>
    row[name] instanceof Date ? row[name].getTime() : undefined;
  const ended = time('ended_at');
  return {
    id: row.id,
    startedAt: time('started_at') ?? 0,
    kind: text('kind') as LedgerRow['kind'],
    operation: text('operation') ?? '',
    keyId: text('key_id') ?? '',
    keyAlias: text('key_alias'),
    user: text('user_id'),
    team: text('team'),
    address: text('address') ?? '',
    client: text('client'),
    server: text('server'),
    toolName: text('tool_name'),
    originalName: text('original_name'),
    model: text('model'),
    decision: text('decision') as LedgerRow['decision'],
    rule: text('rule'),
    bytesIn: number('bytes_in') ?? 0,
    traceId: text('trace_id'),
    parentId: text('parent_id'),
    digest: text('digest'),
    endUser: text('end_user'),
    session: text('session'),
    tags: text('tags'),
    ...(ended === undefined
      ? {}
      : {
          endedAt: ended,
          status: text('status') as NonNullable<LedgerRow['status']>,
          errorCode: text('error_code'),
          totalMs: number('total_ms') ?? 0,
          upstreamMs: number('upstream_ms'),
          bytesOut: number('bytes_out') ?? 0,
          promptTokens: number('prompt_tokens'),
          completionTokens: number('completion_tokens'),
          cost: number('cost'),
          deployment: text('deployment'),
          attempts: number('attempts'),
          firstMs: number('first_ms'),
          details: text('details'),
          tokensEstimated: row['tokens_estimated'] === true ? true : undefined,
        }),
  };
}
