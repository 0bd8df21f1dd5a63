import { parentPort } from 'node:worker_threads';
import { hasSqlDetails, loadModule, parseSync, scanSync } from 'libpg-query';
import { maskConstants } from './mask-constants.ts';
import { type QueryShape, shapeOf } from './query-shape.ts';
import { type Inspected, inspect, type Mode } from './statement-facts.ts';

/** `inspect`: may it run; `shape`: which columns it looks for; `mask`: its text without constants and comments. */
export type ParseRequest =
  | { readonly task: 'inspect'; readonly sql: string; readonly mode: Mode }
  | { readonly task: 'shape' | 'mask'; readonly sql: string };

/** What the worker answers. `broken` means that the parser can no longer be trusted and the worker must go. */
export type ParseAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'inspected'; readonly inspected: Inspected }
  | { readonly kind: 'shape'; readonly shape: QueryShape }
  | { readonly kind: 'masked'; readonly text: string }
  | { readonly kind: 'syntax'; readonly message: string; readonly position: number | undefined }
  | { readonly kind: 'broken'; readonly message: string };

await loadModule();
parentPort?.on('message', (request: ParseRequest) => parentPort?.postMessage(answer(request)));
parentPort?.postMessage({ kind: 'ready' } satisfies ParseAnswer);

function answer(request: ParseRequest): ParseAnswer {
  try {
    switch (request.task) {
      case 'inspect':
        return { kind: 'inspected', inspected: inspect(parseSync(request.sql), request.mode) };
      case 'shape':
        return { kind: 'shape', shape: shapeOf(parseSync(request.sql)) };
      default:
        return { kind: 'masked', text: maskConstants(scanSync(request.sql).tokens) };
    }
  } catch (error) {
    if (hasSqlDetails(error)) {
      return { kind: 'syntax', message: error.message, position: error.sqlDetails?.cursorPosition };
    }
    // After a stack overflow the WebAssembly module stays unusable for good: nothing resets it.
    return { kind: 'broken', message: error instanceof Error ? error.message : String(error) };
  }
}
