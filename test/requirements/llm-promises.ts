import type { Requirement } from './requirements.ts';

/** What requests to models are promised. */
export const LLM_PROMISES = {
  'llm:gone': {
    source: 'docs/guide/models.md',
    promise:
      'Nobody works on an answer that nobody waits for: a client that leaves ends the request to the provider.',
  },
  'llm:faults': {
    source: 'docs/guide/models.md',
    promise:
      'A provider that fails before it said anything is replaced by another deployment; one that fails later is an error in the dialect of the client, never an end.',
  },
  'llm:routing': {
    source: 'docs/guide/models.md',
    promise: 'Deployments are chosen, retried and replaced as router_settings and the request say.',
  },
  'llm:held-back': {
    source: 'docs/guide/models.md',
    promise: 'A client that reads slowly holds its provider back, and costs no memory.',
  },
  'llm:sdks': {
    source: 'docs/guide/models.md',
    promise:
      "The official SDKs get text, thoughts, parallel calls and usage from a provider of any format, and bring its seals and its calls' results back to it.",
  },
  'llm:changed-provider': {
    source: 'docs/guide/models.md',
    promise:
      'A conversation may go on with a provider of another format than before: what the earlier one sealed is kept from it, and named as dropped.',
  },
  'llm:kept-answers': {
    source: 'docs/guide/models.md',
    promise:
      'Answers in Responses can be shown, deleted and gone on with whoever gave them; where another provider goes on, it is told the whole conversation.',
  },
  'llm:bad-input': {
    source: 'docs/guide/models.md',
    promise:
      'A request that is wrong is refused before a provider sees it, with the error body of its dialect and the name of the member that is wrong.',
  },
  'llm:round-trip': {
    source: 'docs/guide/models.md',
    promise:
      'A conversation that goes from one format to another and back keeps what both can say, in order; what one cannot say is named in x-lanport-dropped.',
  },
  'llm:coded-bodies': {
    source: 'https://www.rfc-editor.org/rfc/rfc9110#section-8.4',
    promise:
      'A request to a model may come in gzip, deflate, br or zstd; what is damaged, too large without its coding, or in another one is refused.',
  },
  'llm:real-clients': {
    source: 'docs/guide/models.md',
    promise:
      'Claude Code, Codex CLI, Gemini CLI, the OpenAI Agents SDK and the Vercel AI SDK complete plain turns and turns with tools, their own and the gateway’s.',
  },
  'llm:tools': {
    source: 'https://platform.openai.com/docs/guides/tools-connectors-mcp',
    promise:
      'A model uses the tools behind the gateway in one request: round after round, in parallel, with consent where it is wanted.',
  },
  'llm:models': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise:
      'GET /v1/models lists the models that the key may use: by name, alias, wildcard and access group.',
  },
  'llm:models-tools': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: 'For keys with access to MCP servers, each entry of the list of models tells the tools.',
  },
  'llm:models-anthropic': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: "With anthropic-version, GET /v1/models answers in Anthropic's shape, page by page.",
  },
  'llm:models-claude': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise:
      "Models have names that Claude Code's discovery keeps, where an entry or claude_code_discovery asks for it.",
  },
  'llm:models-codex': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: 'With client_version, GET /v1/models answers with what Codex reads.',
  },
  'llm:models-gemini': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: "GET /v1beta/models answers in Gemini's shape, page by page.",
  },
  'llm:models-aliases': {
    source: 'docs/guide/keys.md',
    promise:
      'Names that a key, its team or its user have for models are in no list, as in LiteLLM, and answer where the key may use what they stand for.',
  },
  'llm:models-errors': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: 'Trouble with the list of models is told in the words of the shape that was asked for.',
  },
  'llm:model-info': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise:
      "GET /model/info has LiteLLM's shape: all for the operator, for other keys their own models, and never a secret.",
  },
  'llm:ledger-cause': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise: 'The ledger row of a tool call that a model caused names the request to the model.',
  },
  'llm:state-kept': {
    source: 'docs/guide/model-lists-and-costs.md',
    promise:
      'Answers of Responses are kept in the database: they can be referred to after a restart, by the key that asked.',
  },
} as const satisfies Record<string, Requirement>;
