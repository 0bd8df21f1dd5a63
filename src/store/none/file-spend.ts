import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CallStart, SpendTable } from '../store-ports.ts';

/** Spending by the ledger's files in `folder`: all of them are read, twice, so that little has to be held. */
export function fileSpend(folder: string): SpendTable {
  return {
    spentSince: async (scope, id, sinceMs, model) => {
      const costs = new Map<string, number>();
      for await (const line of lines(folder)) {
        if (!line.includes('"cost":')) continue;
        const end = parse(line)?.end;
        if (end?.cost !== undefined) costs.set(end.id, end.cost);
      }
      if (costs.size === 0) return 0;
      let sum = 0;
      for await (const line of lines(folder)) {
        if (!line.startsWith('{"phase":"received"')) continue;
        const start = parse(line)?.start;
        if (start === undefined || start.startedAt < sinceMs || accountOf(start, scope) !== id) continue;
        if (model === undefined || start.model === model) sum += costs.get(start.id) ?? 0;
      }
      return sum;
    },
  };
}

function accountOf(start: CallStart, scope: Parameters<SpendTable['spentSince']>[0]): string | undefined {
  switch (scope) {
    case 'key':
      return start.keyId;
    case 'user':
      return start.user;
    case 'team':
      return start.team;
    case 'model':
      return start.model;
    case 'server':
      return start.server;
  }
}

interface Line {
  readonly start?: CallStart;
  readonly end?: { readonly id: string; readonly cost?: number };
}

async function* lines(folder: string): AsyncGenerator<string> {
  if (!existsSync(folder)) return;
  const names = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  for (const name of names.sort())
    yield* createInterface({ input: createReadStream(join(folder, name)), crlfDelay: Infinity });
}

function parse(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line;
  } catch {
    // A line that was cut by a crash.
    return undefined;
  }
}
