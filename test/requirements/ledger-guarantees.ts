import type { Requirement } from './requirements.ts';

const LEDGER = 'docs/guide/ledger.md';

/** What the ledger guarantees. */
export const LEDGER_GUARANTEES = {
  'ledger:A1': {
    source: LEDGER,
    promise: 'No call is made before its record is durable; one that cannot be recorded is refused.',
  },
  'ledger:A2': {
    source: LEDGER,
    promise:
      'Every record of a start gets exactly one end, whatever is killed and when; calls of gateways that died end as unknown.',
  },
  'ledger:A3': {
    source: LEDGER,
    promise:
      'While the database is away calls go on, memory stays flat, and everything is there afterwards, in order, once.',
  },
  'ledger:A4': {
    source: LEDGER,
    promise:
      'A full disk or a used up disk budget refuses calls with ledger-unavailable; none is made unrecorded and none is dropped.',
  },
  'ledger:A5': {
    source: LEDGER,
    promise:
      'Changed, removed, exchanged and inserted records are found and named, at the beginning and the end too; removing old days is not reported.',
  },
  'ledger:A8': {
    source: LEDGER,
    promise:
      'Days are prepared ahead, sealed, and removed when they are old; records that belong to no day are an alarm; sums are kept longer.',
  },
  'ledger:writers-retired': {
    source: LEDGER,
    promise:
      'Writers that have ended and whose days were all removed are let go, in the database and in the data folder, and a check is clean; a row that somebody else deleted is found.',
  },
  'ledger:append-by-day': {
    source: LEDGER,
    promise:
      'Storing a batch costs the same however many days are kept: the database plans for, opens and reads the days of its calls alone.',
  },
  'ledger:file-sums': {
    source: LEDGER,
    promise:
      'Without a database what was used is kept as sums: each record is read once, and the sums are those of the calls whatever happens to ends and files.',
  },
  'ledger:usage': {
    source: LEDGER,
    promise: 'What was used since a moment is the sum of the calls, whatever happened to their ends.',
  },
  'ledger:writers': {
    source: LEDGER,
    promise:
      'Gateways on one database close the calls of dead ones, leave those of living ones alone, and the true end wins.',
  },
} as const satisfies Record<string, Requirement>;
