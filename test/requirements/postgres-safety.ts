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
} as const;
