import type { Requirement } from './requirements.ts';

/** What is promised of that which is kept: ledger, store, backups. */
export const STORE_PROMISES = {
  'store:contract': {
    source: 'docs/decisions/2026-11-21-embedded-postgresql.md',
    promise: 'The embedded PostgreSQL, an external one and none keep the same contract.',
  },
  'store:migrations': {
    source: 'ARCHITECTURE.md',
    promise: 'Migrations run forward only, once, whole or not at all, from every earlier version.',
  },
  'store:away-is-said': {
    source: 'docs/guide/keys.md, "When a change counts"',
    promise: 'What cannot be read while the database is away answers 503, says so, and breaks nothing.',
  },
  'backup:restores': {
    source: 'docs/guide/backup.md',
    promise:
      'A backup is taken while the gateway works, as of one moment, and a restored gateway has everything from before it.',
  },
  'backup:reader-gone': {
    source: 'docs/guide/backup.md',
    promise: 'Who breaks a backup off costs the gateway that backup and nothing else.',
  },
  'backup:whole-or-nothing': {
    source: 'docs/guide/backup.md',
    promise:
      'A backup that was cut off or changed is refused before anything is touched, and a data folder with half a restore is not served.',
  },
  'backup:overwrites-nothing': {
    source: 'docs/guide/backup.md',
    promise: 'Neither a backup nor a restore overwrites what is there.',
  },
  'store:litellm-views': {
    source: 'docs/guide/migrate-from-litellm.md',
    promise: 'litellm_logs and "LiteLLM_SpendLogs" show the ledger in the words of LiteLLM users.',
  },
} as const satisfies Record<string, Requirement>;
