import { CallEvents } from '../ledger/facts.ts';
import type { CallEnd, CallStart, Ledger, LedgerRow } from '../ledger/ledger-ports.ts';
import type { OpenCall, Recorder } from '../ledger/recorder.ts';
import type { CallMetrics, ModelMeasures } from '../telemetry/call-metrics.ts';
import type { Log } from '../telemetry/log.ts';

/** What is told of each call, whatever it is a call of: to the ledger, to the metrics, and in one wide event to the log. */
export interface Journal {
  /** The call as everybody is to record it: without secrets. `input`: its parameters or body; `digested`: what of it equal calls share. */
  open(start: CallStart, input?: Buffer, digested?: Buffer): OpenCall;
  /** Resolves when the record is durable; rejects with GatewayError `ledger-unavailable` when the call must not be made. */
  begin(call: OpenCall): Promise<void>;
  /** What became of a call that was begun: told once. Never throws, never waits. `model`: of a request to a model, for the metrics. */
  end(call: OpenCall, end: CallEnd, model?: ModelMeasures): void;
  /** Calls `listener` with every call that ends from now on; returns the way to stop it. */
  onEnd(listener: (row: LedgerRow) => void): () => void;
}

export interface JournalDeps {
  readonly ledger: Ledger;
  readonly metrics?: Pick<CallMetrics, 'observe'>;
  readonly log: Log;
  /** By the configuration that is in force. */
  readonly recorder: () => Recorder;
}

/** The journal over a ledger, metrics where somebody may ask for them, and a log. */
export function createJournal({ ledger, metrics, log, recorder }: JournalDeps): Journal {
  const listeners = new Set<(row: LedgerRow) => void>();
  const events = new CallEvents();
  return {
    open: (start, input, digested) => recorder().open(start, input, digested),
    begin: (call) => {
      if (call.level === 'none') return Promise.resolve();
      if (call.asked === undefined) return ledger.begin(call.start);
      return ledger.begin(call.start).then(() => recorder().keepAsked(call));
    },
    end: (call, end, model) => {
      const clean = recorder().end(end);
      const { kind } = call.start;
      if (kind !== 'admin') metrics?.observe({ ...call.start, kind }, clean, model);
      if (call.level === 'none') return;
      ledger.end(clean);
      log.info('call', events.fields(call.start, clean));
      if (call.answered !== undefined) recorder().keepAnswered(call);
      for (const listener of listeners) listener({ ...call.start, ...clean });
    },
    onEnd: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
