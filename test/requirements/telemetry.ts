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
    promise:
      'The metrics take the master key, or a key that was made for them, unless the configuration makes them public.',
  },
  'telemetry:metrics-refusals': {
    source: SOURCE,
    promise:
      'What is refused before it becomes a call is counted by the code of its error, also when the answer has the status 200.',
  },
  'telemetry:metrics-files': {
    source: SOURCE,
    promise:
      'The dashboard and the alerts use metrics that exist, the guide names all that there are, and the reference says their types and labels.',
  },
  'telemetry:metrics-bounded': {
    source: SOURCE,
    promise:
      "Names that clients and servers make up do not make the number of series grow without end, and no key, person or client's text is a label.",
  },
  'telemetry:log-lines': {
    source: SOURCE,
    promise: 'Each line of the log is a JSON object with time, level and a fixed message.',
  },
  'telemetry:trace-to-sql': {
    source: SOURCE,
    promise:
      'One trace leads from the request of a client over the turns of a model and the tools that it calls to the SQL; its id is in the ledger and the log.',
  },
  'telemetry:trace-context': {
    source: SOURCE,
    promise:
      'The trace context of W3C is taken from the message, else from the headers, and passed on in both, to providers and to servers of every transport.',
  },
  'telemetry:trace-sampling': {
    source: SOURCE,
    promise: 'A trace is recorded when its client records it; a request without one begins one.',
  },
  'telemetry:trace-off': {
    source: SOURCE,
    promise: 'Where no collector is configured, a trace context is passed on as it is, and none is made up.',
  },
  'telemetry:trace-no-content': {
    source: SOURCE,
    promise: 'Spans have no messages, arguments, results, SQL, keys or names that clients make up.',
  },
  'telemetry:trace-collector-gone': {
    source: SOURCE,
    promise: 'A collector that is gone, refuses or hangs costs spans, which are counted, and nothing else.',
  },
} as const;
