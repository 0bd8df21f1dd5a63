import type { ServerConfig } from '../mcp-ports.ts';

/** Something about a server that its operator should change or know; shown in the log, `servers show` and `/health`. */
export interface Finding {
  /** Stable, for programs: `transport-mismatch`, `stdout-noise`, `tool-refused`, … */
  readonly code: string;
  /** One sentence: what was declared, what was found. */
  readonly text: string;
  /** The configuration line to change, for example `config.yaml:12: transport: http`. */
  readonly fix: string | undefined;
}

/** A server writes something that is no message where messages belong. */
export function noiseFinding(server: string, text: string): Finding {
  return {
    code: 'stdout-noise',
    text: `Server "${server}" writes text that is no message where messages belong: ${JSON.stringify(text)}`,
    fix: undefined,
  };
}

/** Questions of a server could have been for several clients. */
export function isolationFinding({ name, source }: ServerConfig): Finding {
  return {
    code: 'isolation-learned',
    text: `Server "${name}" asks its client questions while calls of several clients are under way, and does not say which call they belong to. From now on each client session has a connection of its own.`,
    fix: `${source.file}:${source.line}: isolation: session`,
  };
}
