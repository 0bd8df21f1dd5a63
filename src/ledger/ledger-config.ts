import { z } from 'zod';
import type { Secret } from '../core/secret.ts';
import { duration, secretText, setting } from '../core/setting.ts';
import {
  type RecordingConfig,
  recordingGeneralShape,
  recordingShape,
  resolveRecording,
} from './recording-config.ts';

/** What the ledger keeps, and for how long. Its bounds on memory and disk are under `limits`. */
export interface LedgerConfig {
  readonly recording: RecordingConfig;
  /** Days older than this are removed; `undefined` keeps everything. Milliseconds. */
  readonly retentionMs: number | undefined;
  /** How often old days are looked for, in milliseconds. */
  readonly retentionIntervalMs: number;
  /** Sums of what was used are kept so long, in milliseconds. */
  readonly rollupRetentionMs: number;
  /** What hashes are made with; `undefined`: a key is made and kept in the data folder. */
  readonly key: Secret | undefined;
}

const DAY_MS = 86_400_000;

/** Keys of `general_settings` (LiteLLM's spelling) that belong to the ledger. */
export const ledgerGeneralShape = {
  ...recordingGeneralShape,
  maximum_spend_logs_retention_period: setting(
    duration('s').optional(),
    'How long ledger rows are kept, for example "30d". Whole days (UTC) are removed.',
  ),
  maximum_spend_logs_retention_interval: setting(
    duration('s').optional(),
    'How often old ledger rows are looked for, for example "1d", which is the default; looked at once an hour.',
  ),
};

/** Top-level section `ledger`. */
export const ledgerSchema = z.strictObject({
  ...recordingShape,
  retention: setting(
    duration('s').optional(),
    'How long ledger rows are kept, for example "30d"; whole days (UTC) are removed. Without it they are kept for ever. Wins over general_settings.maximum_spend_logs_retention_period.',
  ),
  rollup_retention: setting(
    duration('s').prefault('400d'),
    'How long the hourly sums of what was used are kept; they outlive the rows. Budgets and reports look no further back.',
  ),
  key: setting(
    secretText()
      .refine((secret) => secret.reveal().length >= 16, 'must have 16 characters or more')
      .optional(),
    'Text that the hashes of the ledger are made with, for lanport ledger verify. Give gateways on one database the same. Without it each data folder has a key of its own (ledger/chain.key). It must not be kept in the database.',
    { env: ['LANPORT_LEDGER_KEY'] },
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
    rollupRetentionMs: section.rollup_retention,
    key: section.key,
  };
}
