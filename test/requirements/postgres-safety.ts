const GUIDE = 'docs/guide/postgres.md';

/** What keeps the PostgreSQL connector a reader, and alive. */
export const POSTGRES_SAFETY = {
  'postgres:corpus': {
    source: GUIDE,
    promise:
      'At least 300 hostile statements are refused before they reach the server, and 150 honest ones run.',
  },
  'postgres:layers': {
    source: 'docs/reference/postgres-guard.md',
    promise:
      'With any one layer left out, a class of hostile statements does harm only where the table says that it rests on that layer, and why.',
  },
  'postgres:fuzz': {
    source: GUIDE,
    promise:
      'Statements mutated from the corpus and made from the grammar change nothing on the server, even as a superuser, and the connector lives.',
  },
  'postgres:masking': {
    source: GUIDE,
    promise: 'A masked column is shown by no tool, under no name, in no expression and no condition.',
  },
  'postgres:hidden-calls': {
    source: 'docs/guide/postgres-security.md',
    promise:
      'Functions of users that BETWEEN, CASE, IN, USING, a dot, or syntax of later versions would call are refused like those that are called by name.',
  },
  'postgres:cursors-shared': {
    source: 'docs/guide/postgres.md',
    promise: 'A cursor that one replica gave is good at the others, for the same server and key only.',
  },
  'postgres:runaways': {
    source: 'docs/guide/postgres-security.md',
    promise:
      'Statements that PostgreSQL does not stop keep two of its processes busy at most; new ones are refused until they end.',
  },
  'postgres:cost-gate': {
    source: GUIDE,
    promise:
      'A statement that the planner expects to be too dear is not executed, and the refusal names the step.',
  },
  'postgres:safety-options': {
    source: GUIDE,
    promise: 'Timeouts and search path can be set; a stricter limit of the role stays.',
  },
  'postgres:tls': {
    source: GUIDE,
    promise:
      'sslmode, sslrootcert, sslcert and sslkey mean what they mean to libpq; what cannot work is refused at the start.',
  },
  'postgres:pooler': {
    source: GUIDE,
    promise:
      'Behind PgBouncer with transaction pooling every tool works, read-only and with its limits, and cancelling ends the right statement.',
  },
  'postgres:bombs': {
    source: GUIDE,
    promise:
      'Bombs, locks and restarts cost one call its answer, and a bounded amount of memory; the next call is fine.',
  },
} as const;
