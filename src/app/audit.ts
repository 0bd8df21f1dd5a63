import type { Clock } from '../core/clock.ts';
import type { Journal } from '../gateway/journal.ts';
import { type ActEnd, type Audit, BY_ITSELF, createAudit } from '../ledger/audit.ts';
import { Refusals } from '../ledger/refusals.ts';
import type { Purged } from '../ledger/retention.ts';
import type { ReloadOutcome, ReloadTrigger } from './reload.ts';

/** What is recorded besides calls. */
export interface OpenAudit {
  readonly acts: Audit;
  readonly refusals: Refusals;
  /** Something that the gateway did by itself. */
  note(operation: string, end: ActEnd): void;
  /** Rows of the ledger, or its sums, that were removed because they were old. */
  notePurged(what: Purged): void;
  noteReload(trigger: ReloadTrigger, outcome: ReloadOutcome): void;
}

/** The ledger's rows about what is no call. */
export function openAudit({
  journal,
  newId,
  clock,
}: {
  readonly journal: Journal;
  readonly newId: () => string;
  readonly clock: Clock;
}): OpenAudit {
  const acts = createAudit({ journal, now: () => clock.now() });
  const note: OpenAudit['note'] = (operation, end) =>
    acts.note({ ...BY_ITSELF, id: newId(), operation }, end);
  return {
    acts,
    refusals: new Refusals({ audit: acts, newId }),
    note,
    notePurged: ({ table, ...details }) =>
      note(`purge ${table}`, {
        details:
          'before' in details ? { ...details, before: new Date(details.before).toISOString() } : details,
      }),
    noteReload: (trigger, outcome) => note('reload', reloadEnd(trigger, outcome)),
  };
}

/** Names and paths only. */
function reloadEnd(trigger: ReloadTrigger, outcome: ReloadOutcome): ActEnd {
  if (!outcome.ok) return { errorCode: 'config-invalid', details: { trigger, problems: outcome.problems } };
  const { servers, keys, settings, needsRestart } = outcome.change;
  const { unchanged: _, ...changed } = servers;
  return { details: { trigger, servers: changed, keys, settings, needsRestart } };
}
