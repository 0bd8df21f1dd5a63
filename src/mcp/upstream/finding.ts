/** Something about a server that its operator should change or know; shown in the log, `servers show` and `/health`. */
export interface Finding {
  /** Stable, for programs: `transport-mismatch`, `stdout-noise`, `tool-refused`, … */
  readonly code: string;
  /** One sentence: what was declared, what was found. */
  readonly text: string;
  /** The configuration line to change, for example `config.yaml:12: transport: http`. */
  readonly fix: string | undefined;
}
