/** What the command line reads from and writes to; tests hand in their own. */
export interface ProgramIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => number;
  /** Sets the exit code. */
  readonly exit: (code: number) => void;
  /** Resolves when the process is asked to stop. */
  readonly stopRequested: () => Promise<string>;
  /** Calls `listener` each time the process is asked to read its configuration again (SIGHUP). */
  readonly onReloadRequested: (listener: () => void) => void;
  /** Calls `listener` with an error that nothing has caught, and ends the process then (exit code 1). */
  readonly onCrash: (listener: (error: unknown) => void) => void;
}
