import type { IncomingHttpHeaders } from 'node:http';
import type { Redactor } from '../core/redact.ts';
import type { AccountDefaults } from '../keys/accounts-config.ts';
import type { KeyDirectory } from '../keys/key-directory.ts';
import type { Audit } from '../ledger/audit.ts';
import type { Calendar } from '../limits/budget-period.ts';
import type { CallBody, LedgerRow, SpendQueries } from '../ledger/ledger-ports.ts';
import type { Quoted, QuotedRequest } from '../llm/quote.ts';
import type { Mcp } from '../mcp/mcp.ts';
import type { Log } from '../telemetry/log.ts';

/** One request and its answer, as operations see them; the edge's exchange is one. */
export interface AdminExchange {
  /** UUID version 7. */
  readonly requestId: string;
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  /** After the `?`, without it. */
  readonly query: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The whole body. Rejects with GatewayError `body-…`. */
  body(): Promise<Buffer>;
  send(status: number, headers: Readonly<Record<string, string>> | undefined, body: Buffer | undefined): void;
  /** Begins an answer with status 200 that comes in pieces. */
  openAnswer(headers: Readonly<Record<string, string>>): {
    /** `false`: the reader is slow, and more should wait for `onDrain`. */
    write(bytes: Buffer): boolean;
    onDrain(listener: () => void): void;
    end(): void;
    /** Breaks the connection off. */
    destroy(): void;
  };
  readonly isGone: boolean;
  onGone(listener: () => void): void;
}

/** Whom the key of a request stands for. */
export interface AdminPrincipal {
  readonly id: string;
  readonly kind: 'master' | 'virtual' | 'anonymous';
  readonly alias: string | undefined;
  readonly user: string | undefined;
  readonly team: string | undefined;
}

/** Who asks, for one request. */
export interface AdminCaller {
  /** Throws GatewayError `auth-…`, `address-forbidden`. */
  authenticate(): AdminPrincipal;
  /** The client's address, as far as proxies in between are trusted. */
  readonly address: string;
  /** What the key sees of the MCP servers, narrowed as the request says. Throws GatewayError `server-unknown`. */
  visibility(): Parameters<Mcp['tools']>[0];
}

/** What a reload changed, or every problem that kept it from changing anything. */
export type ReloadResult =
  | { readonly ok: true; readonly change: object; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What is asked of the models. */
export interface AdminModels {
  has(model: string): boolean;
  /** US dollars; `undefined` when nobody said what the model costs. */
  quote(model: string, asked: Quoted): number | undefined;
  /** Tokens of a request (Chat Completions), estimated. */
  tokens(request: QuotedRequest): number;
  /** The provider of a deployment, by its id. */
  provider(deployment: string): string | undefined;
}

/** What operations work on. */
export interface AdminDeps {
  readonly mcp: Mcp;
  readonly log: Log;
  readonly version: string;
  readonly accessGroups: readonly string[];
  /** Keys, users and teams. */
  readonly keys: KeyDirectory;
  /** What new accounts get, and how far their limits may go, by the configuration that is in force. */
  readonly accountDefaults: AccountDefaults;
  readonly spend: SpendQueries;
  /** What was asked and answered in calls, where it is kept; of too many calls, the newest. */
  readonly bodiesOf: (
    calls: readonly { readonly id: string; readonly startedAt: number }[],
  ) => Promise<readonly CallBody[]>;
  /** Calls `listener` with every call that ends in this process; returns the way to stop it. */
  readonly onCallEnd: (listener: (row: LedgerRow) => void) => () => void;
  /** Calls `listener` when the gateway is about to stop; returns the way to forget it. */
  readonly onStop: (listener: () => void) => () => void;
  /** By the configuration that is in force. */
  readonly redactor: () => Pick<Redactor, 'mark' | 'digest'>;
  /** What was recorded so far becomes visible to queries; a store that is away is not waited for. */
  readonly flush: () => Promise<void>;
  readonly models: AdminModels;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Which budget periods follow. */
  readonly calendar: Calendar;
  /** What is served, as OpenAPI. */
  readonly description: () => {
    readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary?: string }>>>>;
  };
  readonly reload: () => Promise<ReloadResult>;
  readonly audit: AuditedAction;
  /** The ledger's rows about what operators do. */
  readonly acts: Audit;
}

/** Tells who did what. Never throws, never waits. No secrets in `details`. */
export type AuditedAction = (
  action: string,
  principal: AdminPrincipal,
  details: Readonly<Record<string, unknown>>,
) => void;
