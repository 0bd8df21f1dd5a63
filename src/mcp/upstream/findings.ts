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

  /** The server writes something where messages belong. */
  noise(text: string): void {
    this.add({
      code: 'stdout-noise',
      text: `Server "${this.#server}" writes text that is no message where messages belong: ${JSON.stringify(text)}`,
      fix: undefined,
    });
  }

  /** The server cannot be shared; `line`: where its configuration begins. */
  isolated(line: string): void {
    this.add({
      code: 'isolation-learned',
      text: `Server "${this.#server}" asks its client questions while calls of several clients are under way, and does not say which call they belong to. From now on each client session has a connection of its own.`,
      fix: `${line}: isolation: session`,
    });
  }

  /** A tool that the server lists is not offered. */
  refusedTool(reason: string): void {
    this.add({ code: 'tool-refused', text: `Server "${this.#server}" lists ${reason}.`, fix: undefined });
  }

  list(): readonly Finding[] {
    return [...this.#found.values()];
  }
}
