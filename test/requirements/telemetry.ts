const SOURCE = 'docs/guide/monitoring.md';

/** What can be seen of a running gateway. */
export const TELEMETRY = {
  'telemetry:metrics-format': {
    source: SOURCE,
    promise: 'GET /metrics is the text format of Prometheus to the letter, also when names are hostile.',
  },
  'telemetry:metrics-calls': {
    source: SOURCE,
    promise:
      'Each call is counted once, with what became of it, its time, the part upstream, tokens and cost, under our names and those of LiteLLM.',
  },
  'telemetry:metrics-state': {
    source: SOURCE,
    promise:
      'States and queues of servers, deployments, sessions, streams, ledger, store, reloads and the event loop are in the metrics.',
  },
  'telemetry:metrics-closed': {
    source: SOURCE,
    promise: 'The metrics take the master key, unless the configuration makes them public.',
  },
  'telemetry:metrics-bounded': {
    source: SOURCE,
    promise:
      "Names that clients and servers make up do not make the number of series grow without end, and no key, person or client's text is a label.",
  },
} as const;
