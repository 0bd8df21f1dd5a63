import type { Requirement } from './requirements.ts';

const SOURCE = 'docs/guide/replicas.md';

/** What is promised of several gateways with one PostgreSQL and one Redis. */
export const REPLICAS = {
  'run:behind-nginx': {
    source: 'docs/guide/operate.md',
    promise:
      "With the guides' configuration nginx in front changes nothing: streams come as they are written, WebSockets open, large bodies pass, addresses are the clients'.",
  },
  'replicas:one': {
    source: SOURCE,
    promise:
      'Gateways with one PostgreSQL, one Redis and one configuration behave as one behind any load balancer: sessions, keys, limits, catalogue, answers of models, reload and ledger.',
  },
  'replicas:words': {
    source: SOURCE,
    promise:
      'What a client answers, cancels and watches counts, whichever of the gateways hears it and whichever makes the call.',
  },
  'replicas:killed': {
    source: SOURCE,
    promise:
      'When one of two gateways is killed under load, clients see at most a request that they send again: every answered call is in the ledger as it ended, and limits, spend and ledger agree.',
  },
} as const satisfies Record<string, Requirement>;
