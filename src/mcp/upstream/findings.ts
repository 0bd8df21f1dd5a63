import type { Log } from '../../telemetry/log.ts';
import type { Finding } from './finding.ts';

const FINDINGS_MAX = 50;

/** What there is to say of one server, each thing once. */
export class Findings {
  readonly #server: string;
  readonly #log: Log;
  readonly #found = new Map<string, Finding>();

  constructor(server: string, log: Log) {
    this.#server = server;
    this.#log = log;
  }

  add(finding: Finding): void {
    const key = `${finding.code} ${finding.text}`;
    if (this.#found.has(key) || this.#found.size >= FINDINGS_MAX) return;
    this.#found.set(key, finding);
    this.#log.warn('a server needs attention', {
      server: this.#server,
      code: finding.code,
      finding: finding.text,
      fix: finding.fix,
    });
  }

  list(): readonly Finding[] {
    return [...this.#found.values()];
  }
}
