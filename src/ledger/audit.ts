import type { CallEnd, CallStart } from './ledger-ports.ts';
import type { OpenCall } from './recorder.ts';

/** Somebody who does something to the gateway or to what it keeps, instead of calling through it. */
export interface Act {
  /** UUID version 7. */
  readonly id: string;
  /** For example `POST /key/generate`, or `reload`. */
  readonly operation: string;
  readonly keyId: string;
  readonly keyAlias: string | undefined;
  readonly user: string | undefined;
  readonly team: string | undefined;
  readonly address: string;
  readonly client: string | undefined;
  /** The rule that denied it; `undefined`: it was allowed. */
  readonly denied?: string | undefined;
}

/** What became of it. */
export interface ActEnd {
  readonly errorCode?: string | undefined;
  /** What was done to what. Secrets in it are taken out before anything is written. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** The ledger's rows about those who operate the gateway: kind `admin`. */
export interface Audit {
  /** Resolves when the record is durable; rejects with GatewayError `ledger-unavailable`, and then it must not be done. */
  begin(act: Act): Promise<(end: ActEnd) => void>;
  /** Of what has happened already, or was denied: never throws, never waits. */
  note(act: Act, end: ActEnd): void;
}

/** What the audit writes with: the journal of calls. */
export interface AuditDeps {
  readonly journal: {
    open(start: CallStart): OpenCall;
    begin(call: OpenCall): Promise<void>;
    end(call: OpenCall, end: CallEnd): void;
  };
  readonly now: () => number;
}

/** The process itself, where nobody with a key did it. */
export const BY_ITSELF = {
  keyId: 'gateway',
  keyAlias: undefined,
  user: undefined,
  team: undefined,
  address: 'local',
  client: undefined,
} as const;

/** The audit over a journal. */
export function createAudit({ journal, now }: AuditDeps): Audit {
  const begin: Audit['begin'] = async (act) => {
    const startedAt = now();
    const call = journal.open(startOf(act, startedAt));
    await journal.begin(call);
    return ({ errorCode, details }) => {
      const endedAt = now();
      journal.end(call, {
        id: act.id,
        endedAt,
        status: act.denied === undefined ? (errorCode === undefined ? 'ok' : 'error') : 'denied',
        errorCode,
        totalMs: endedAt - startedAt,
        upstreamMs: undefined,
        bytesOut: 0,
        promptTokens: undefined,
        completionTokens: undefined,
        cost: undefined,
        details: details === undefined ? undefined : JSON.stringify(details),
      });
    };
  };
  const note = async (act: Act, end: ActEnd): Promise<void> => {
    const done = await begin(act);
    done(end);
  };
  return {
    begin,
    note: (act, end) => {
      // The ledger counts and tells what it could not write.
      note(act, end).catch(() => undefined);
    },
  };
}

function startOf(act: Act, startedAt: number): CallStart {
  return {
    id: act.id,
    startedAt,
    kind: 'admin',
    operation: act.operation,
    keyId: act.keyId,
    keyAlias: act.keyAlias,
    user: act.user,
    team: act.team,
    address: act.address,
    client: act.client,
    server: undefined,
    toolName: undefined,
    originalName: undefined,
    model: undefined,
    decision: act.denied === undefined ? 'allowed' : 'denied',
    rule: act.denied,
    bytesIn: 0,
    traceId: undefined,
  };
}
