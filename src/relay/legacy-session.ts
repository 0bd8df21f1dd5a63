import type { ResponseHead } from '../net/http-client.ts';

/** Visible ASCII (2025-11-25, Transports, "Session Management"). */
const SESSION_ID = /^[\x21-\x7e]{1,4096}$/;
/** The revision from which on requests name theirs in a header. */
const NAMES_REVISION = '2025-06-18';

/** What a legacy client agreed with the other side, and what is needed to agree on it anew without the client. */
export class LegacySession {
  /** The client's `initialize`, byte for byte. */
  initialize: Buffer | undefined;
  /** The client's `notifications/initialized`, once it was sent. */
  initialized: Buffer | undefined;
  id: string | undefined;
  revision: string | undefined;

  /** The client begins. */
  begin(initialize: Buffer): void {
    this.initialize = initialize;
    this.initialized = undefined;
    this.id = undefined;
    this.revision = undefined;
  }

  /** The other side has answered `initialize`. */
  opened(head: ResponseHead | undefined, revision: string | undefined): void {
    const id = head?.headers['mcp-session-id'];
    this.id = id !== undefined && SESSION_ID.test(id) ? id : undefined;
    this.revision = revision;
  }

  /** Headers of everything but `initialize`. */
  headers(): [name: string, value: string][] {
    const lines: [string, string][] = [];
    if (this.id !== undefined) lines.push(['Mcp-Session-Id', this.id]);
    if (this.revision !== undefined && this.revision >= NAMES_REVISION)
      lines.push(['MCP-Protocol-Version', this.revision]);
    return lines;
  }
}
