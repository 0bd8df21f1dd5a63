import { callFields } from '../ledger/facts.ts';
import type { CallEnd, CallStart, Ledger } from '../ledger/ledger-ports.ts';
import type { CallMetrics, ModelMeasures } from '../telemetry/call-metrics.ts';
import type { Log } from '../telemetry/log.ts';

/** What is told of each call, whatever it is a call of: to the ledger, to the metrics, and in one wide event to the log. */
export interface Journal {
  /** Resolves when the record is durable; rejects with GatewayError `ledger-unavailable` when the call must not be made. */
  begin(start: CallStart): Promise<void>;
  /** What became of a call that was begun: told once. Never throws, never waits. `model`: of a request to a model, for the metrics. */
  end(start: CallStart, end: CallEnd, model?: ModelMeasures): void;
}

export interface JournalDeps {
  readonly ledger: Ledger;
  readonly metrics?: Pick<CallMetrics, 'observe'>;
  readonly log: Log;
}

/** The journal over a ledger, metrics where somebody may ask for them, and a log. */
export function createJournal({ ledger, metrics, log }: JournalDeps): Journal {
  return {
    begin: (start) => ledger.begin(start),
    end: (start, end, model) => {
      ledger.end(end);
      metrics?.observe(start, end, model);
      log.info('call', callFields(start, end));
    },
  };
}
