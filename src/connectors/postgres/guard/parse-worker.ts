import { parentPort } from 'node:worker_threads';
import { hasSqlDetails, loadModule, parseSync } from 'libpg-query';
import { type Inspected, inspect, type Mode } from './statement-facts.ts';

export interface ParseRequest {
  readonly sql: string;
  readonly mode: Mode;
}

/** What the worker answers. `broken` means that the parser can no longer be trusted and the worker must go. */
export type ParseAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'inspected'; readonly inspected: Inspected }
  | { readonly kind: 'syntax'; readonly message: string; readonly position: number | undefined }
  | { readonly kind: 'broken'; readonly message: string };

await loadModule();
parentPort?.on('message', ({ sql, mode }: ParseRequest) => parentPort?.postMessage(answer(sql, mode)));
parentPort?.postMessage({ kind: 'ready' } satisfies ParseAnswer);

function answer(sql: string, mode: Mode): ParseAnswer {
  try {
    return { kind: 'inspected', inspected: inspect(parseSync(sql), mode) };
  } catch (error) {
    if (hasSqlDetails(error)) {
      return { kind: 'syntax', message: error.message, position: error.sqlDetails?.cursorPosition };
    }
    // After a stack overflow the WebAssembly module stays unusable for good: nothing resets it.
    return { kind: 'broken', message: error instanceof Error ? error.message : String(error) };
  }
}
