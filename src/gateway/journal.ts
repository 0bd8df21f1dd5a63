import { callFields } from '../ledger/facts.ts';
import type { CallEnd, CallStart, Ledger } from '../ledger/ledger-ports.ts';
import type { Log } from '../telemetry/log.ts';

/** What is told of each call, whatever it is a call of: to the ledger, and in one wide event to the log. */
export interface Journal {
  /** Resolves when the record is durable; rejects with GatewayError `ledger-unavailable` when the call must not be made. */
  begin(start: CallStart): Promise<void>;
  /** What became of a call that was begun: told once. Never throws, never waits. */
  end(start: CallStart, end: CallEnd): void;
}

/** The journal over a ledger and a log. */
export function createJournal({ ledger, log }: { readonly ledger: Ledger; readonly log: Log }): Journal {
  return {
    begin: (start) => ledger.begin(start),
    end: (start, end) => {
      ledger.end(end);
      log.info('call', callFields(start, end));
    },
  };
}
