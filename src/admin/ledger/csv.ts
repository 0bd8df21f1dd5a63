import type { LedgerRow } from '../../ledger/ledger-ports.ts';

/** Columns of an export as CSV, in their order. */
export const CSV_COLUMNS = [
  'id',
  'startedAt',
  'endedAt',
  'kind',
  'operation',
  'keyId',
  'keyAlias',
  'user',
  'team',
  'address',
  'client',
  'server',
  'toolName',
  'originalName',
  'model',
  'decision',
  'rule',
  'status',
  'errorCode',
  'totalMs',
  'upstreamMs',
  'firstMs',
  'bytesIn',
  'bytesOut',
  'promptTokens',
  'completionTokens',
  'cost',
  'deployment',
  'attempts',
  'traceId',
  'parentId',
  'session',
  'endUser',
  'tags',
  'digest',
  'details',
] as const satisfies readonly (keyof LedgerRow)[];

/** A line of CSV (RFC 4180), with its end. */
export function csvLine(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/** What programs for tables would take for a formula (OWASP, "CSV Injection"). */
const FORMULA = /^[=+\-@\t\r]/;

function csvCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = String(value);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
