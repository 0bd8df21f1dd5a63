const SOURCE = 'docs/guide/limits.md';

/** Promises about limits, budgets and priorities. */
export const LIMITS = {
  'limits:answers': {
    source: SOURCE,
    promise:
      'A request to a model over a limit is answered 429 in the words of its format, with retry-after and what is left; so are answers under a limit.',
  },
  'limits:recorded': {
    source: SOURCE,
    promise: 'A request over a limit is in the ledger as denied, with the setting that decided.',
  },
  'limits:mcp': {
    source: SOURCE,
    promise:
      'A tool over a limit answers with a result that the model can read, and any other request to a server with a JSON-RPC error; HTTP stays 200, and lists are free.',
  },
  'limits:targets': {
    source: SOURCE,
    promise:
      'Model groups and servers have limits that count for all keys together; keys have limits of single models.',
  },
  'limits:budget-answer': {
    source: SOURCE,
    promise: "A spent budget is answered 400 with LiteLLM's words, in the format of the route.",
  },
  'limits:parallel': {
    source: SOURCE,
    promise: 'No more requests are in flight than the limit says, and every slot is free again afterwards.',
  },
  'limits:budget': {
    source: SOURCE,
    promise:
      'However many requests come at once, a budget lets through exactly what fits, and what counts is what the ledger says.',
  },
  'limits:tokens': {
    source: SOURCE,
    promise:
      'Tokens are reserved before and settled after, so that no minute has more of them than the limit.',
  },
  'limits:released': {
    source: SOURCE,
    promise: 'What was reserved for a request that failed before anything was used is given back.',
  },
  'limits:soft-budget': {
    source: SOURCE,
    promise: 'A soft budget that is passed is one warning in each period, and refuses nothing.',
  },
  'limits:nested': {
    source: SOURCE,
    promise:
      "Tools that a model calls need no slot of the key's requests in flight besides that of the request to the model.",
  },
  'limits:accounts': {
    source: SOURCE,
    promise:
      'Keys of a user or a team share its limits, and what is changed over the API counts for the next request.',
  },
  'limits:members': {
    source: SOURCE,
    promise:
      "What a user uses of a team's counts on limits of its own: those of its membership, or those that the team has for each of its users.",
  },
  'limits:time-zone': {
    source: SOURCE,
    promise:
      'Budget periods of days, weeks and months begin at midnight of litellm_settings.timezone, also when clocks are changed there.',
  },
  'limits:restart': {
    source: SOURCE,
    promise:
      'What was spent counts after a restart, however the gateway ended: the ledger is the truth of it.',
  },
  'limits:window': {
    source: SOURCE,
    promise: 'Whenever 60 s begin, no more is let through in them than the limit per minute.',
  },
  'limits:priority': {
    source: SOURCE,
    promise:
      'Requests over the limit of a model wait for their turn: each class has its share when it wants it, and lends it when it does not; within a class every key has its turn.',
  },
  'limits:priority-bounds': {
    source: SOURCE,
    promise:
      'Waiting for a turn ends with a 429 after its time, when too many wait, or when the client goes.',
  },
  'limits:shared': {
    source: SOURCE,
    promise: 'Processes that share a Redis keep limits together, and none is ever over.',
  },
  'limits:shared-killed': {
    source: SOURCE,
    promise:
      'What a killed process held is free for the others when its lease is over, and what it had spent and told nobody is counted from the ledger, once.',
  },
  'limits:shared-gone': {
    source: SOURCE,
    promise:
      'Without its Redis a gateway goes on with its share of the limits, says so once and in /health, and counts together again when Redis is back.',
  },
} as const;
