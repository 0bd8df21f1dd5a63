import { table } from './table.ts';

/** A row of the ledger as the operator API answers it. */
export interface LedgerLine {
  readonly id: string;
  readonly startedAt: string;
  readonly kind: string;
  readonly operation: string;
  readonly keyAlias?: string;
  readonly keyId: string;
  readonly server?: string;
  readonly toolName?: string;
  readonly model?: string;
  readonly parentId?: string;
  readonly cost?: number;
  readonly status?: string;
  readonly totalMs?: number;
  readonly bytesOut?: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly decision?: string;
  readonly rule?: string;
  readonly errorCode?: string;
}

const HEADERS = ['TIME', 'KEY', 'SERVER', 'TOOL OR MODEL', 'STATUS', 'MS', 'USD', 'CAUSE', 'ERROR'];
/** Widths for rows that come one by one. */
const WIDTHS = [24, 16, 14, 30, 10, 9, 9, 36, 0];

/** Rows as a table. */
export function ledgerTable(rows: readonly LedgerLine[]): string {
  return table(HEADERS, rows.map(cells));
}

/** One row of a table that has no end. */
export function ledgerLine(row: LedgerLine): string {
  return `${cells(row)
    .map((cell, at) => cell.padEnd(WIDTHS[at] ?? 0))
    .join('  ')
    .trimEnd()}\n`;
}

/** A request to a model with what it caused, or any other call. */
export function turnText({ call, tools, bodies, totals }: ShownCall): string {
  const facts = Object.entries(call)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]);
  const parts = [table(['FIELD', 'VALUE'], facts)];
  if (tools.length > 0)
    parts.push(
      table(
        ['TOOL', 'SERVER', 'STATUS', 'MS', 'BYTES', 'USD', 'ID'],
        tools.map((tool) => [
          tool.toolName ?? tool.operation,
          tool.server ?? '-',
          tool.status ?? 'received',
          tool.totalMs?.toFixed(1) ?? '-',
          String(tool.bytesOut ?? '-'),
          tool.cost?.toFixed(6) ?? '-',
          tool.id,
        ]),
      ),
    );
  if (totals !== undefined)
    parts.push(
      `${totals.calls} calls of tools answered ${totals.toolBytes} bytes in ${totals.toolMs.toFixed(1)} ms; ${totals.promptTokens} tokens in, ${totals.completionTokens} out, ${totals.cost.toFixed(6)} USD in all.\n`,
    );
  for (const { part, content, bytes, droppedBytes } of bodies)
    parts.push(
      `${part}, ${bytes} bytes${droppedBytes > 0 ? `, of which ${droppedBytes} are not kept` : ''}:\n${typeof content === 'string' ? content : JSON.stringify(content, null, 2)}\n`,
    );
  return parts.join('\n');
}

/** What `GET /v1/ledger/{id}` answers. */
export interface ShownCall {
  readonly call: LedgerLine;
  readonly tools: readonly LedgerLine[];
  readonly bodies: readonly {
    readonly part: string;
    readonly content: unknown;
    readonly bytes: number;
    readonly droppedBytes: number;
  }[];
  readonly totals?: {
    readonly calls: number;
    readonly toolBytes: number;
    readonly toolMs: number;
    readonly promptTokens: number;
    readonly completionTokens: number;
    readonly cost: number;
  };
}

function cells(row: LedgerLine): string[] {
  return [
    row.startedAt,
    row.keyAlias ?? row.keyId,
    row.server ?? '-',
    row.toolName ?? row.model ?? row.operation,
    row.status ?? 'received',
    row.totalMs?.toFixed(1) ?? '-',
    row.cost?.toFixed(6) ?? '-',
    row.parentId ?? '-',
    row.errorCode ?? '',
  ];
}
