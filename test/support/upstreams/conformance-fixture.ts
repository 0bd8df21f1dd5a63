// The tools that the official conformance suite expects of a server under test, on the official SDK, in both eras.
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, ProtocolError, Server } from '@modelcontextprotocol/server';
import { listen } from './listen.ts';

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const SILENCE = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';
const RESOURCE = {
  type: 'resource',
  resource: {
    uri: 'test://embedded-resource',
    mimeType: 'text/plain',
    text: 'This is an embedded resource content.',
  },
};

const NOTHING = { type: 'object', properties: {} };

const RESULTS: Readonly<Record<string, Record<string, unknown>>> = {
  test_simple_text: { content: [{ type: 'text', text: 'This is a simple text response for testing.' }] },
  test_image_content: { content: [{ type: 'image', data: PIXEL, mimeType: 'image/png' }] },
  test_audio_content: { content: [{ type: 'audio', data: SILENCE, mimeType: 'audio/wav' }] },
  test_embedded_resource: { content: [RESOURCE] },
  test_multiple_content_types: {
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: PIXEL, mimeType: 'image/png' },
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: '{"test":"data","value":123}',
        },
      },
    ],
  },
  test_logging_tool: { content: [{ type: 'text', text: 'Done, without a word in the log.' }] },
  test_error_handling: {
    content: [{ type: 'text', text: 'This tool intentionally returns an error for testing' }],
    isError: true,
  },
};

const tools = [
  ...Object.keys(RESULTS).map((name) => ({
    name,
    description: `Conformance: ${name}.`,
    inputSchema: NOTHING,
  })),
  {
    name: 'test_missing_capability',
    description: 'Needs a capability that nobody declared.',
    inputSchema: NOTHING,
  },
  {
    name: 'json_schema_2020_12_tool',
    description: 'Tool with JSON Schema 2020-12 features',
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: {
        address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } },
      },
      properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
      additionalProperties: false,
    },
  },
];

const handler = createMcpHandler(() => {
  const server = new Server(
    { name: 'conformance-fixture', version: '1.0.0' },
    { capabilities: { tools: {} } },
  );
  server.setRequestHandler('tools/list', () => ({ tools }) as never);
  server.setRequestHandler('tools/call', ({ params }) => {
    const { name } = params as { name: string };
    if (name === 'test_missing_capability')
      throw new ProtocolError(-32021, 'This tool needs sampling.', {
        requiredCapabilities: { sampling: {} },
      });
    const result = RESULTS[name];
    if (result === undefined) throw new Error('no such tool');
    return result as never;
  });
  return server;
});

listen(toNodeHandler(handler) as Parameters<typeof listen>[0]);
