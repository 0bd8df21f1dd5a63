/** What connectors log to: the part of the gateway's structured log that they use. Fixed message, everything else in fields. */
export interface ConnectorLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
