/** A route that is no operation: where models and MCP servers are used, and health. For the description alone. */
export interface DataRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly group: 'Models' | 'MCP' | 'Health';
  readonly summary: string;
  readonly isOpen?: boolean;
}

const route =
  (group: DataRoute['group']) =>
  (method: DataRoute['method'], path: string, summary: string): DataRoute => ({
    method,
    path,
    group,
    summary,
  });
const model = route('Models');
const mcp = route('MCP');

/** They are described in the guides, and by those whose formats they speak. */
export const DATA_ROUTES: readonly DataRoute[] = [
  model('POST', '/v1/chat/completions', 'OpenAI Chat Completions; also without /v1.'),
  model('POST', '/v1/responses', 'OpenAI Responses; also without /v1.'),
  model('POST', '/v1/responses/input_tokens', 'Counts the tokens of a request to /v1/responses.'),
  model('GET', '/v1/responses/{id}', 'An answer that was kept.'),
  model('DELETE', '/v1/responses/{id}', 'Forgets an answer that was kept.'),
  model('GET', '/v1/responses/{id}/input_items', 'What an answer that was kept answered.'),
  model('POST', '/v1/messages', 'Anthropic Messages.'),
  model('POST', '/v1/messages/count_tokens', 'Counts the tokens of a request to /v1/messages.'),
  model('POST', '/v1/embeddings', 'OpenAI Embeddings; also without /v1.'),
  model(
    'POST',
    '/v1beta/models/{model}:generateContent',
    'Gemini; also :streamGenerateContent, :countTokens, :embedContent.',
  ),
  model('GET', '/v1/models', "The models of the key, as the client's API lists them; also without /v1."),
  model('GET', '/v1/models/{model}', 'One model.'),
  model('GET', '/v1beta/models', 'The models of the key, as Gemini lists them.'),
  model('GET', '/model/info', 'What is known of each deployment; also /v1/model/info.'),
  mcp('POST', '/mcp', 'MCP over streamable HTTP: every server that the key may use.'),
  mcp('GET', '/mcp', 'The event stream of a session.'),
  mcp('DELETE', '/mcp', 'Ends a session.'),
  mcp('POST', '/mcp/{names}', 'MCP with these servers, aliases or access groups only; also /{names}/mcp.'),
  mcp('GET', '/sse', 'MCP over HTTP+SSE (2024-11-05); also /{names}/sse.'),
  mcp('POST', '/messages', 'What a client of /sse says.'),
  {
    ...route('Health')(
      'GET',
      '/health',
      'Status; with the master key, every server, the store and the ledger.',
    ),
    isOpen: true,
  },
  {
    ...route('Health')('GET', '/health/liveliness', 'Whether the process runs; also /health/liveness.'),
    isOpen: true,
  },
  { ...route('Health')('GET', '/health/readiness', '200 when requests are served, else 503.'), isOpen: true },
];
