import { Worker } from 'node:worker_threads';
import type { ParseAnswer, ParseRequest } from './parse-worker.ts';
import type { QueryShape } from './query-shape.ts';
import type { Inspected, Mode } from './statement-facts.ts';

/** The parser recurses with the statement; a main thread's stack ends at a few thousand terms. */
const STACK_MB = 64;
const HEAP_MB = 256;
const PARSE_MS = 10_000;
const WAITING_MAX = 1_000;
const MISMATCH = { ok: false, reason: 'the parser answered another question' } as const;

export type Parsed =
  | Inspected
  | { readonly ok: false; readonly reason: string; readonly position?: number | undefined };

type Refused = Extract<Parsed, { readonly ok: false }>;
type Answered = Exclude<ParseAnswer, { readonly kind: 'ready' | 'broken' | 'syntax' }>;

type NewWorker = (...args: ConstructorParameters<typeof Worker>) => Worker;

interface Job {
  readonly request: ParseRequest;
  readonly resolve: (answer: Answered | Refused) => void;
}

/**
 * PostgreSQL's own grammar (libpg-query) in a worker with a large stack, one statement at a time. The worker is thrown away after
 * anything but a plain answer; only the statement that it had in hand is refused for it.
 */
export class SqlParser implements AsyncDisposable {
  readonly #stackMb: number;
  readonly #newWorker: NewWorker;
  readonly #jobs: Job[] = [];
  readonly #ending = new Set<Promise<unknown>>();
  #worker: Worker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #working = false;
  #closed = false;

  /** `stackMb`: stack of the worker; what is nested too deeply for it is refused. `newWorker` throws where the system has no thread. */
  constructor(stackMb: number = STACK_MB, newWorker: NewWorker = (...args) => new Worker(...args)) {
    this.#stackMb = stackMb;
    this.#newWorker = newWorker;
  }

  /** Never rejects: what cannot be parsed is refused. */
  async parse(sql: string, mode: Mode): Promise<Parsed> {
    const answer = await this.#ask({ task: 'inspect', sql, mode });
    if ('ok' in answer) return answer;
    return answer.kind === 'inspected' ? answer.inspected : MISMATCH;
  }

  /** Which columns a SELECT looks for; undefined when it cannot be parsed. Never rejects. */
  async shape(sql: string): Promise<QueryShape | undefined> {
    const answer = await this.#ask({ task: 'shape', sql });
    return 'kind' in answer && answer.kind === 'shape' ? answer.shape : undefined;
  }

  /** A statement's text without constants and comments; undefined when it cannot be read. Never rejects. */
  async mask(sql: string): Promise<string | undefined> {
    const answer = await this.#ask({ task: 'mask', sql });
    return 'kind' in answer && answer.kind === 'masked' ? answer.text : undefined;
  }

  #ask(request: ParseRequest): Promise<Answered | Refused> {
    if (this.#closed) return Promise.resolve({ ok: false, reason: 'the connector was closed' });
    if (this.#jobs.length >= WAITING_MAX) {
      return Promise.resolve({ ok: false, reason: 'too many statements wait to be checked; try again' });
    }
    return new Promise((resolve) => {
      this.#jobs.push({ request, resolve });
      this.#next();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#refuseAll('the connector was closed');
    await Promise.all(this.#ending);
  }

  #next(): void {
    const job = this.#jobs[0];
    if (job === undefined || this.#working) return;
    this.#working = true;
    this.#timer = setTimeout(() => this.#broke('it took too long'), PARSE_MS);
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage(job.request);
    } catch (error) {
      this.#refuseAll(`nothing can parse it now (${(error as Error).message}); try again`);
    }
  }

  #refuseAll(reason: string): void {
    this.#throwAway();
    this.#working = false;
    for (const { resolve } of this.#jobs.splice(0)) resolve({ ok: false, reason });
  }

  #start(): Worker {
    const worker = this.#newWorker(new URL('./parse-worker.ts', import.meta.url), {
      resourceLimits: { stackSizeMb: this.#stackMb, maxOldGenerationSizeMb: HEAP_MB },
    });
    worker.unref();
    worker.on('message', (answer: ParseAnswer) => {
      if (worker !== this.#worker || answer.kind === 'ready') return;
      if (answer.kind === 'broken') this.#broke(answer.message);
      else
        this.#finish(
          answer.kind === 'syntax'
            ? { ok: false, reason: answer.message, position: answer.position }
            : answer,
        );
    });
    const end = (reason: unknown): void => {
      if (worker === this.#worker) this.#broke(reason instanceof Error ? reason.message : 'the parser ended');
    };
    worker.on('error', end);
    worker.on('exit', end);
    return worker;
  }

  #broke(reason: string): void {
    this.#throwAway();
    this.#finish({ ok: false, reason: `it could not be parsed (${reason}); make it smaller` });
  }

  #finish(answer: Answered | Refused): void {
    clearTimeout(this.#timer);
    this.#working = false;
    this.#jobs.shift()?.resolve(answer);
    this.#next();
  }

  #throwAway(): void {
    clearTimeout(this.#timer);
    const worker = this.#worker;
    this.#worker = undefined;
    if (worker === undefined) return;
    const ending = worker.terminate().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
