import { existsSync, readFileSync } from 'node:fs';
import type { ToolHistoryRow, ToolHistoryTable } from '../store-ports.ts';

/** Tool histories in one file. `replace` writes it whole or not at all. */
export function toolHistoryFile(
  path: string,
  replace: (path: string, text: string) => void,
): ToolHistoryTable {
  let known: Map<string, ToolHistoryRow> | undefined;
  const keyOf = (server: string, tool: string): string => JSON.stringify([server, tool]);
  const rows = (): Map<string, ToolHistoryRow> => {
    if (known !== undefined) return known;
    const list = existsSync(path)
      ? (JSON.parse(readFileSync(path, 'utf8')) as readonly ToolHistoryRow[])
      : [];
    known = new Map(list.map((row) => [keyOf(row.server, row.tool), row]));
    return known;
  };
  const write = (changed: Map<string, ToolHistoryRow>): void => {
    replace(path, JSON.stringify([...changed.values()]));
    known = changed;
  };
  return {
    load: async (servers) =>
      [...rows().values()]
        .filter((row) => servers.includes(row.server))
        .sort((one, two) => compare(one.server, two.server) || compare(one.tool, two.tool)),
    save: async (list) => {
      if (list.length > 0)
        write(new Map([...rows(), ...list.map((row) => [keyOf(row.server, row.tool), row] as const)]));
    },
    remove: async (server, tools) => {
      const rest = new Map(rows());
      for (const tool of tools) rest.delete(keyOf(server, tool));
      if (rest.size < rows().size) write(rest);
    },
  };
}

function compare(one: string, two: string): number {
  return one < two ? -1 : one > two ? 1 : 0;
}
