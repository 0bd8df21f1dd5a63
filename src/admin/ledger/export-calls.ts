import { z } from 'zod';
import type { CallFilter } from '../../ledger/ledger-ports.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { operation } from '../operation.ts';
import { StreamedAnswer } from '../streamed-answer.ts';
import { callFilter, filterOf, publicCall } from './call-filter.ts';
import { CSV_COLUMNS, csvLine } from './csv.ts';
import { pagesOf } from './pages.ts';

/** `GET /v1/ledger/export` */
export const exportCalls = operation({
  method: 'GET',
  path: '/v1/ledger/export',
  who: 'management key',
  group: 'Ledger',
  summary:
    'All calls that fit, newest first, as lines of JSON or as CSV, however many they are. An answer that broke off has no end that HTTP knows.',
  query: z.strictObject({ ...callFilter, format: z.enum(['jsonl', 'csv']).default('jsonl') }),
  example: { query: { format: 'csv', since: '2026-11-01', until: '2026-12-01' } },
  answer: z.string().describe('application/x-ndjson or text/csv'),
  handle: async ({ query }, deps) => {
    await deps.flush();
    const filter = filterOf(query, deps);
    return query.format === 'csv'
      ? new StreamedAnswer('text/csv; charset=utf-8', () => csvOf(filter, deps))
      : new StreamedAnswer('application/x-ndjson', () => linesOf(filter, deps));
  },
});

async function* linesOf(filter: CallFilter, deps: AdminDeps): AsyncGenerator<string> {
  for await (const rows of pagesOf(filter, deps))
    yield rows.map((row) => `${JSON.stringify(publicCall(row))}\n`).join('');
}

async function* csvOf(filter: CallFilter, deps: AdminDeps): AsyncGenerator<string> {
  yield csvLine(CSV_COLUMNS);
  for await (const rows of pagesOf(filter, deps))
    yield rows
      .map((row) => ({
        ...row,
        startedAt: iso(row.startedAt),
        endedAt: row.endedAt === undefined ? undefined : iso(row.endedAt),
      }))
      .map((row) => csvLine(CSV_COLUMNS.map((name) => row[name])))
      .join('');
}

const iso = (ms: number): string => new Date(ms).toISOString();
