import type { ResponseRow, ResponseTable } from '../store-ports.ts';

/** Keeps answers in memory, of each key up to so many bytes; its oldest go first. */
export function responseMemory(bytesPerKeyMax: number, now: () => number = Date.now): ResponseTable {
  const keys = new Map<string, Map<string, ResponseRow>>();
  const load = (id: string, keyId: string): ResponseRow | undefined => {
    const found = keys.get(keyId)?.get(id);
    return found !== undefined && found.expiresAt > now() ? found : undefined;
  };
  const trim = (rows: Map<string, ResponseRow>): void => {
    let bytes = 0;
    for (const { payload } of rows.values()) bytes += payload.length;
    for (const [id, { payload }] of rows) {
      if (bytes <= bytesPerKeyMax) break;
      bytes -= payload.length;
      rows.delete(id);
    }
  };
  return {
    save: async (row) => {
      const rows = keys.get(row.keyId) ?? new Map<string, ResponseRow>();
      keys.set(row.keyId, rows);
      rows.delete(row.id);
      rows.set(row.id, row);
      trim(rows);
    },
    load: async (id, keyId) => load(id, keyId),
    isOthers: async (id, keyId) => keys.entries().some(([other, rows]) => other !== keyId && rows.has(id)),
    remove: async (id, keyId) => {
      const isThere = load(id, keyId) !== undefined;
      keys.get(keyId)?.delete(id);
      return isThere;
    },
    purge: async () => {
      let gone = 0;
      for (const [keyId, rows] of keys) {
        for (const [id, { expiresAt }] of rows) if (expiresAt <= now() && rows.delete(id)) gone++;
        if (rows.size === 0) keys.delete(keyId);
      }
      return gone;
    },
  };
}
