/** The gateway cannot start; the message is one line that says why and what to do. `exitCode` is documented in the CLI reference. */
export class StartupError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'StartupError';
    this.exitCode = exitCode;
  }
}

/** Exit codes of `lanport`. */
export const EXIT = { ok: 0, failed: 1, configuration: 2, start: 3, unreachable: 4, incomplete: 5 } as const;

interface SystemError extends Error {
  readonly code?: string;
  readonly syscall?: string;
  readonly path?: string;
}

/** What a system error means for somebody who starts the gateway. */
export function explainStartup(
  error: unknown,
  facts: { readonly host: string; readonly port: number; readonly dataFolder: string },
): StartupError {
  if (error instanceof StartupError) return error;
  const { code, syscall, message } = error as SystemError;
  const { host, port, dataFolder } = facts;
  switch (code) {
    case 'EADDRINUSE':
      return new StartupError(
        `port ${port} on ${host} is taken by another program: choose another with --port, or stop that program`,
        EXIT.start,
        error,
      );
    case 'EADDRNOTAVAIL':
      return new StartupError(
        `${host} is not an address of this machine: choose another with --host`,
        EXIT.start,
        error,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return message.includes('listen')
        ? new StartupError(
            `this user may not listen on port ${port}: choose one above 1023 with --port`,
            EXIT.start,
            error,
          )
        : new StartupError(
            `the data folder ${dataFolder} cannot be written (${code}): choose another with --data, or correct its owner and permissions`,
            EXIT.start,
            error,
          );
    case 'ENOSPC':
      return new StartupError(
        `the disk that holds ${dataFolder} is full: free some space, or choose another folder with --data`,
        EXIT.start,
        error,
      );
    case 'ENOTDIR':
    case 'EEXIST':
      return new StartupError(
        `the data folder ${dataFolder} is not a folder: choose another with --data`,
        EXIT.start,
        error,
      );
    case 'ENOENT':
      if (syscall === 'mkdir')
        return new StartupError(
          `the data folder ${dataFolder} cannot be made: choose another with --data`,
          EXIT.start,
          error,
        );
      return new StartupError(message, EXIT.start, error);
    default:
      return new StartupError(error instanceof Error ? error.message : String(error), EXIT.start, error);
  }
}
