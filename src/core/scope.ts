type Closer = () => void | PromiseLike<void>;

/** Default time that one closing step may take, in milliseconds. */
export const CLOSE_STEP_MS = 10_000;

/**
 * What was opened, in order; closed in reverse order. Every step gets its own deadline, and a step that throws or hangs does not
 * keep the next ones from running. `close` reports the failures, it never throws.
 */
export class Scope implements AsyncDisposable {
  readonly #closers: { name: string; close: Closer; deadlineMs: number }[] = [];
  #closing: Promise<readonly CloseFailure[]> | undefined;

  /** Adds a closing step. Throws when the scope is already closing: what is opened then would never be closed. */
  add(name: string, close: Closer, deadlineMs: number = CLOSE_STEP_MS): void {
    if (this.#closing !== undefined) throw new Error(`scope is closing: ${name} came too late`);
    this.#closers.push({ name, close, deadlineMs });
  }

  close(): Promise<readonly CloseFailure[]> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<readonly CloseFailure[]> {
    const failures: CloseFailure[] = [];
    for (const step of this.#closers.reverse()) {
      try {
        await withDeadline(Promise.resolve(step.close()), step.deadlineMs, `closing ${step.name}`);
      } catch (error) {
        failures.push({ name: step.name, error });
      }
    }
    return failures;
  }
}

export interface CloseFailure {
  readonly name: string;
  readonly error: unknown;
}

/** `promise`, or a rejection that names `what` after `ms` milliseconds. The timer never keeps the process alive. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
    timer.unref();
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
