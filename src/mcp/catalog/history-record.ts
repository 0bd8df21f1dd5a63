import type { ToolHistoryRecord } from '../mcp-ports.ts';
import type { ToolHistory } from './tool-history.ts';

const FORMAT = 1;

/** A tool's history as the store keeps it. */
export function writeHistory(server: string, history: ToolHistory, now: number): ToolHistoryRecord {
  const { versions, current, removedAt } = history;
  return {
    server,
    tool: JSON.stringify(history.tool).slice(1, -1),
    payload: JSON.stringify({ format: FORMAT, current, removedAt, versions }),
    updatedAt: now,
  };
}

/**
 * Reads one back. Of a record that cannot be read the tool's name is left: its definition then counts as changed, not as new, so that
 * damage accepts nothing.
 */
export function readHistory(record: ToolHistoryRecord): {
  readonly history: ToolHistory;
  readonly ok: boolean;
} {
  const tool = JSON.parse(`"${record.tool}"`) as string;
  try {
    const { format, current, removedAt, versions } = JSON.parse(record.payload) as Partial<ToolHistory> & {
      readonly format?: number;
    };
    if (format === FORMAT && Array.isArray(versions))
      return { history: { tool, versions, current, removedAt }, ok: true };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { history: { tool, versions: [], current: undefined, removedAt: undefined }, ok: false };
}
