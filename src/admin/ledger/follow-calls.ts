import { z } from 'zod';
import type { CallFilter, LedgerRow } from '../../ledger/ledger-ports.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { operation } from '../operation.ts';
import { StreamedAnswer } from '../streamed-answer.ts';
import { callFilter, filterOf, fits, publicCall } from './call-filter.ts';

/** Calls that wait for a reader that is slow; what is more is left out and counted. */
const WAITING_MAX = 5_000;
const SIGN_OF_LIFE_MS = 15_000;

/** `GET /v1/ledger/follow` */
export const followCalls = operation({
  method: 'GET',
  path: '/v1/ledger/follow',
  who: 'management key',
  group: 'Ledger',
  summary:
    'The calls through this gateway process as they end, a line of JSON each, until the reader goes away. Empty lines are signs of life; a line with "dropped" says how many calls its reader was too slow for.',
  query: z.strictObject(callFilter),
  example: { query: { server: 'github' } },
  answer: z.string().describe('application/x-ndjson'),
  handle: ({ query }, deps) => {
    const filter = filterOf(query, deps);
    return new StreamedAnswer('application/x-ndjson', (gone) => endedCalls(filter, deps, gone));
  },
});

async function* endedCalls(filter: CallFilter, deps: AdminDeps, gone: AbortSignal): AsyncGenerator<string> {
  const waiting: LedgerRow[] = [];
  let dropped = 0;
  let wake: (() => void) | undefined;
  const stopListening = deps.onCallEnd((row) => {
    if (!fits(row, filter)) return;
    if (waiting.length < WAITING_MAX) waiting.push(row);
    else dropped++;
    wake?.();
  });
  const over = new AbortController();
  const end = (): void => {
    over.abort();
    wake?.();
  };
  const forgetStop = deps.onStop(end);
  gone.addEventListener('abort', end);
  try {
    // The reader knows now that it hears of everything.
    yield '\n';
    while (!over.signal.aborted) {
      if (waiting.length === 0) {
        const isSilent = await new Promise<boolean>((resolve) => {
          const timer = setTimeout(() => resolve(true), SIGN_OF_LIFE_MS).unref();
          wake = () => {
            clearTimeout(timer);
            resolve(false);
          };
        });
        wake = undefined;
        if (isSilent) yield '\n';
      }
      const lines = waiting.splice(0).map((row) => `${JSON.stringify(publicCall(row))}\n`);
      if (dropped > 0) lines.push(`${JSON.stringify({ dropped })}\n`);
      dropped = 0;
      if (lines.length > 0) yield lines.join('');
    }
  } finally {
    gone.removeEventListener('abort', end);
    stopListening();
    forgetStop();
  }
}
