import { parentPort } from 'node:worker_threads';
import { hasSqlDetails, loadModule, parseSync } from 'libpg-query';
import { type Inspected, inspect } from './statement-facts.ts';

/** What the worker answers. `broken` means that the parser can no longer be trusted and the worker must go. */
export type ParseAnswer =
  | { readonly id: number; readonly kind: 'inspected'; readonly inspected: Inspected }
  | { readonly id: number; readonly kind: 'syntax'; readonly message: string; readonly position: number | undefined }
  | { readonly id: number; readonly kind: 'broken'; readonly message: string };

await loadModule();
parentPort?.on('message', ({ id, sql }: { readonly id: number; readonly sql: string }) => parentPort?.postMessage(answer(id, sql)));
parentPort?.postMessage({ id: 0, kind: 'syntax', message: 'ready', position: undefined } satisfies ParseAnswer);

function answer(id: number, sql: string): ParseAnswer {
  try {
    return { id, kind: 'inspected', inspected: inspect(parseSync(sql) as Parameters<typeof inspect>[0]) };
  } catch (error) {
    if (hasSqlDetails(error)) return { id, kind: 'syntax', message: error.message, position: error.sqlDetails?.cursorPosition };
    // After a stack overflow the WebAssembly module stays unusable for ever (it is not reset).
    return { id, kind: 'broken', message: error instanceof Error ? error.message : String(error) };
  }
}
