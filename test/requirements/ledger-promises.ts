import type { Requirement } from './requirements.ts';

const LEDGER = 'docs/guide/ledger.md';

/** What is promised of records: what is never in them, how much is, and who hears of those who read them. */
export const LEDGER_PROMISES = {
  'ledger:no-secrets': {
    source: LEDGER,
    promise:
      'Secrets in arguments, headers, environments, addresses, results, messages and names are found nowhere in the database, its log of changes, the spool and the logs.',
  },
  'ledger:secrets-codes': {
    source: LEDGER,
    promise:
      'What stands for a secret is the same for the same secret, and tells nothing without a key that is not in the database.',
  },
  'ledger:redaction-linear': {
    source: LEDGER,
    promise: 'No text makes redaction slow: its work grows with the length of the text, and no faster.',
  },
  'ledger:levels': {
    source: LEDGER,
    promise:
      'How much is recorded of a call says the first rule that fits its server, tool, model and key: nothing, its metadata, what was asked, what was answered.',
  },
  'ledger:bodies-bounded': {
    source: LEDGER,
    promise:
      'Of a request or an answer no more is kept than the bound; how much is missing is told, and after its time it is removed.',
  },
  'ledger:audit-of-audit': {
    source: LEDGER,
    promise:
      'Who reads or exports the ledger, changes keys, reloads the configuration or makes a backup leaves a row, and one that may not too; so does what was removed because it was old.',
  },
  'ledger:denials': {
    source: LEDGER,
    promise:
      'What was denied leaves a row with its rule; requests without a valid key are summed up, so that a flood of them is not a flood of rows.',
  },
  'ledger:queries': {
    source: LEDGER,
    promise:
      'The ledger is asked by key, user, team, server, tool, model, status and time, page after page, and exported as JSON lines or CSV in bounded memory.',
  },
  'ledger:turn': {
    source: LEDGER,
    promise:
      'One query shows a request to a model with the tools that it called, the sizes of their results and what they cost in tokens.',
  },
  'ledger:litellm-logs': {
    source: 'docs/guide/migrate-from-litellm.md',
    promise:
      '/spend/logs has what was asked and answered where it is kept, and /spend/tags the tags of requests as well as of keys.',
  },
  'ledger:litellm-columns': {
    source: 'docs/guide/migrate-from-litellm.md',
    promise:
      '"LiteLLM_SpendLogs" has the columns of LiteLLM\'s table, messages and answers where they are kept.',
  },
} as const satisfies Record<string, Requirement>;
