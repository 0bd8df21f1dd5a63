/** What is promised of requests to models beyond that they are answered: what they cost, what they keep, and what they do not tell. */
export const MODEL_RULES = {
  'llm:cost': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise:
      'What a request to a model cost is in the ledger and, for whole answers, in x-litellm-response-cost: exact, with the price of each kind of token.',
  },
  'llm:own-prices': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: 'Prices of an entry of model_list, and its base_model, take the place of the bundled ones.',
  },
  'llm:overhead': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise:
      'x-litellm-overhead-duration-ms says how long an answer (a stream: its first content) took beyond the wait for providers and tools.',
  },
  'llm:embeddings': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: "Embeddings are the provider's own bytes; their usage and cost are in the ledger.",
  },
  'llm:embeddings-mock': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: 'A mock embeds the same text in the same way every time.',
  },
  'llm:count-native': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: "Tokens are counted by the provider, where it speaks the client's format.",
  },
  'llm:count-estimate': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: 'Elsewhere tokens are estimated, and x-lanport-token-count says so.',
  },
  'llm:usage-broken': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise:
      'What an answer used that broke off, or whose client left, is billed: as its provider told it, and by an estimate that the ledger marks where it did not.',
  },
  'llm:usage-untold': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise:
      'Answers of providers that never tell their usage are billed by an estimate, which the ledger marks.',
  },
  'llm:usage-tier': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise:
      'The service tier that answered sets the price and, where the answer names none, the one that was asked for.',
  },
  'llm:long-numbers': {
    source: 'docs/guide/models.md',
    promise:
      'Numbers in inputs of tools and in schemas stay what they are between formats, however long they are.',
  },
  'llm:embeddings-gemini': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: 'POST /v1/embeddings is answered by Gemini models, too.',
  },
  'llm:addresses': {
    source: 'docs/guide/models.md',
    promise: 'No answer tells a client where a provider is; the log tells the operator.',
  },
  'llm:tool-bounds': {
    source: 'docs/reference/bounds.md',
    promise:
      'Rounds of tools, the time of a call and the length of a result have bounds, which the configuration sets; max_tool_calls of a request is kept.',
  },
  'llm:golden-pairs': {
    source: 'test/golden/README.md',
    promise:
      'Streams shaped as providers send them, and errors in their midst, arrive in every format with their text, thoughts, calls, end and usage.',
  },
} as const;
