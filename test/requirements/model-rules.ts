/** What is promised of requests to models beyond that they are answered: what they cost, what they keep, and what they do not tell. */
export const MODEL_RULES = {
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
} as const;
