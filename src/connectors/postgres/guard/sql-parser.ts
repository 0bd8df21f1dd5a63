import { Worker } from 'node:worker_threads';
import type { ParseAnswer } from './parse-worker.ts';
import type { Inspected } from './statement-facts.ts';

/** The real parser recurses; in the main thread its stack would be ours. */
const STACK_MB = 64;
const PARSE_MS = 5_000;

export type Parsed = Inspected | { readonly ok: false; readonly reason: string; readonly position?: number | undefined };

/** PostgreSQL's own grammar (libpg-query) in a worker that is thrown away after anything but a plain answer. */
export class SqlParser implements AsyncDisposable {
  #worker: Worker | undefined;
  #next = 1;
  readonly #waiting = new Map<number, (answer: ParseAnswer) => void>();
  readonly #ending = new Set<Promise<unknown>>();

  parse(sql: string): Promise<Parsed> {
    return new Promise((resolve) => {
      const worker = (this.#worker ??= this.#start());
      const id = this.#next++;
      const timer = setTimeout(() => this.#discard(worker, 'it took too long to parse'), PARSE_MS);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        if (answer.kind === 'broken') this.#discard(worker, 'the parser failed');
        resolve(toParsed(answer));
      });
      worker.postMessage({ id, sql });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#worker !== undefined) this.#discard(this.#worker, 'the connector was closed');
    await Promise.all(this.#ending);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./parse-worker.ts', import.meta.url), { resourceLimits: { stackSizeMb: STACK_MB } });
    worker.unref();
    worker.on('message', (answer: ParseAnswer) => {
      const done = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      done?.(answer);
    });
    worker.on('error', (error: unknown) => this.#discard(worker, String(error)));
    worker.on('exit', () => this.#discard(worker, 'the parser ended'));
    return worker;
  }

  #discard(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [id, done] of waiting) done({ id, kind: 'broken', message: reason });
    const ending = worker.terminate().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

function toParsed(answer: ParseAnswer): Parsed {
  switch (answer.kind) {
    case 'inspected':
      return answer.inspected;
    case 'syntax':
      return { ok: false, reason: answer.message, position: answer.position };
    case 'broken':
      return { ok: false, reason: `it could not be parsed (${answer.message}); make it smaller` };
  }
}
