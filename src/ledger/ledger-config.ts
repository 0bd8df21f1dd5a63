import { z } from 'zod';
import { duration, setting } from '../core/setting.ts';
import {
  type RecordingConfig,
  recordingGeneralShape,
  recordingShape,
  resolveRecording,
} from './recording-config.ts';

/** What the ledger keeps, and for how long. Its bounds on memory and disk are under `limits`. */
export interface LedgerConfig {
  readonly recording: RecordingConfig;
  /** Days' partitions older than this are dropped; `undefined` keeps everything. Milliseconds. */
  readonly retentionMs: number | undefined;
  /** How often old partitions are looked for, in milliseconds. */
  readonly retentionIntervalMs: number;
}

const DAY_MS = 86_400_000;
const LATER = 'old ledger rows are not removed yet';

/** Keys of `general_settings` (LiteLLM's spelling) that belong to the ledger. */
export const ledgerGeneralShape = {
  ...recordingGeneralShape,
  maximum_spend_logs_retention_period: setting(
    duration('s').optional(),
    'How long ledger rows are kept, for example "30d".',
    {
      later: LATER,
    },
  ),
  maximum_spend_logs_retention_interval: setting(
    duration('s').optional(),
    'How often old ledger rows are looked for, for example "1d".',
    {
      later: LATER,
    },
  ),
};

/** Top-level section `ledger`. */
export const ledgerSchema = z.strictObject({
  ...recordingShape,
  retention: setting(
    duration('s').optional(),
    'How long ledger rows are kept, for example "30d". Without it they are kept for ever. Wins over general_settings.maximum_spend_logs_retention_period.',
    { later: LATER },
  ),
});

const generalSchema = z.object(ledgerGeneralShape);

/** The ledger's slice from `ledger` and `general_settings`. */
export function resolveLedger(
  section: z.output<typeof ledgerSchema>,
  general: z.output<typeof generalSchema>,
): LedgerConfig {
  return {
    recording: resolveRecording(section, general),
    retentionMs: section.retention ?? general.maximum_spend_logs_retention_period,
    retentionIntervalMs: general.maximum_spend_logs_retention_interval ?? DAY_MS,
  };
}
