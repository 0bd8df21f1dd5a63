import { describe, expect, test } from 'vitest';
import { InvalidArguments } from './tool-arguments.ts';
import { answerPost } from './tool-http.ts';
import { createToolServer, type ToolDefinition } from './tool-server.ts';

const NEVER = new AbortController().signal;
const MODERN = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': {},
};

const ADD: ToolDefinition = {
  name: 'add',
  title: 'Add',
  description: 'Adds two numbers.',
  inputSchema: {
    type: 'object',
    properties: {
      a: { type: 'integer', minimum: 0, maximum: 100 },
      b: { type: 'integer', default: 1 },
      sign: { type: 'string', enum: ['plus', 'minus'] },
      note: { type: 'string', maxLength: 5 },
      list: { type: 'array' },
    },
    required: ['a'],
  },
  outputSchema: { type: 'object', properties: { sum: { type: 'integer' } }, required: ['sum'] },
  annotations: { readOnlyHint: true },
  handler: async ({ a, b }) => {
    const sum = Number(a) + Number(b);
    return { content: [{ type: 'text', text: String(sum) }], structuredContent: { sum } };
  },
};

const FAIL: ToolDefinition = {
  ...ADD,
  name: 'fail',
  inputSchema: { type: 'object', properties: { how: { type: 'string' } } },
  handler: async ({ how }) => {
    if (how === 'arguments') throw new InvalidArguments('Argument "how" is no good.');
    throw new Error('secret detail');
  },
};

const WAIT: ToolDefinition = {
  ...ADD,
  name: 'wait',
  inputSchema: { type: 'object' },
  handler: (_args, { signal }) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () =>
        resolve({ content: [{ type: 'text', text: 'stopped' }], isError: true }),
      );
    }),
};

interface Answer {
  readonly id?: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

const failures: string[] = [];
const server = createToolServer({
  name: 'test',
  version: '1.2.3',
  instructions: 'Use add.',
  tools: [ADD, FAIL, WAIT],
  onFailure: (tool, error) => failures.push(`${tool}: ${String(error)}`),
});

async function send(message: unknown, signal = NEVER): Promise<Answer | undefined> {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  const answer = await server.handle(Buffer.from(text), signal);
  return answer === undefined ? undefined : (JSON.parse(Buffer.from(answer).toString()) as Answer);
}

const legacy = (method: string, params?: object): Promise<Answer | undefined> =>
  send({ jsonrpc: '2.0', id: 1, method, params });
const modern = (method: string, params: object = {}, meta: object = META): Promise<Answer | undefined> =>
  send({ jsonrpc: '2.0', id: 'm', method, params: { ...params, _meta: meta } });
const text = (answer: Answer | undefined): unknown =>
  (answer?.result?.['content'] as { text: string }[] | undefined)?.[0]?.text;

describe('legacy clients', () => {
  test.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])(
    'are greeted in their revision: %s',
    async (protocolVersion) => {
      const answer = await legacy('initialize', {
        protocolVersion,
        capabilities: {},
        clientInfo: { name: 'c', version: '1' },
      });
      expect(answer).toEqual({
        jsonrpc: '2.0',
        id: 1,
        result: {
          protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: 'test', version: '1.2.3' },
          instructions: 'Use add.',
        },
      });
    },
  );

  test('of an unknown revision are offered the latest legacy one', async () => {
    expect((await legacy('initialize', { protocolVersion: '1999-01-01' }))?.result?.['protocolVersion']).toBe(
      '2025-11-25',
    );
  });

  test('list tools with schemas and annotations, and without what modern results carry', async () => {
    const result = (await legacy('tools/list'))?.result;
    expect(Object.keys(result ?? {})).toEqual(['tools']);
    const { handler: _handler, ...listed } = ADD;
    expect((result?.['tools'] as unknown[] | undefined)?.[0]).toEqual(listed);
  });

  test('call tools, with defaults filled in', async () => {
    expect((await legacy('tools/call', { name: 'add', arguments: { a: 2, b: null } }))?.result).toEqual({
      content: [{ type: 'text', text: '3' }],
      structuredContent: { sum: 3 },
    });
  });

  test('are answered pings, and notifications not at all', async () => {
    expect((await legacy('ping'))?.result).toEqual({});
    expect(await send({ jsonrpc: '2.0', method: 'notifications/initialized' })).toBeUndefined();
    expect(await send({ jsonrpc: '2.0', id: 5, result: {} })).toBeUndefined();
  });

  test('may send a batch, and get one back', async () => {
    const batch = [
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 2, method: 'nothing' },
    ];
    expect(await send(batch)).toMatchObject([
      { id: 1, result: {} },
      { id: 2, error: { code: -32601 } },
    ]);
    expect(await send([batch[1]])).toBeUndefined();
    expect(await send(Array.from({ length: 101 }, () => batch[0]))).toMatchObject({
      error: { code: -32600 },
    });
  });
});

describe('modern clients', () => {
  test('discover the server', async () => {
    expect((await modern('server/discover'))?.result).toEqual({
      resultType: 'complete',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'test', version: '1.2.3' } },
      ttlMs: 300_000,
      cacheScope: 'public',
      supportedVersions: [MODERN, '2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'],
      capabilities: { tools: {} },
      instructions: 'Use add.',
    });
  });

  test('list and call tools with what their revision asks of a result', async () => {
    expect((await modern('tools/list'))?.result).toMatchObject({
      resultType: 'complete',
      ttlMs: 300_000,
      cacheScope: 'public',
      tools: [{ name: 'add' }, {}, {}],
    });
    expect(await modern('tools/call', { name: 'add', arguments: { a: 1 } })).toMatchObject({
      id: 'm',
      result: { resultType: 'complete', structuredContent: { sum: 2 } },
    });
  });

  test.each(['initialize', 'ping', 'logging/setLevel', 'resources/list'])(
    'are told that %s is not theirs',
    async (method) => {
      expect((await modern(method))?.error?.code).toBe(-32601);
    },
  );

  test('must send a complete envelope of a known version', async () => {
    expect(
      (await modern('tools/list', {}, { 'io.modelcontextprotocol/protocolVersion': MODERN }))?.error?.code,
    ).toBe(-32602);
    expect((await modern('server/discover', {}, {}))?.error?.code).toBe(-32602);
    expect(
      (await modern('tools/list', {}, { ...META, 'io.modelcontextprotocol/protocolVersion': '2030-01-01' }))
        ?.error,
    ).toMatchObject({
      code: -32022,
      data: { supported: expect.arrayContaining([MODERN]), requested: '2030-01-01' },
    });
  });
});

describe('what is wrong is told to whom it concerns', () => {
  test.each([
    [{}, 'Argument "a" of add is missing. It takes: a, b, sign, note, list.'],
    [{ a: null }, 'Argument "a" of add is missing. It takes: a, b, sign, note, list.'],
    [{ a: '1' }, 'Argument "a" of add must be of type integer.'],
    [{ a: 1.5 }, 'Argument "a" of add must be of type integer.'],
    [{ a: -1 }, 'Argument "a" of add must be at least 0.'],
    [{ a: 101 }, 'Argument "a" of add must be at most 100.'],
    [{ a: 1, sign: 'times' }, 'Argument "sign" of add must be one of: plus, minus.'],
    [{ a: 1, note: 'too long' }, 'Argument "note" of add must have at most 5 characters.'],
    [{ a: 1, list: {} }, 'Argument "list" of add must be of type array.'],
    [{ a: 1, c: 2 }, 'add has no argument "c". It takes: a, b, sign, note, list.'],
    [{ a: 1, constructor: 2 }, 'add has no argument "constructor". It takes: a, b, sign, note, list.'],
    [[1], '"arguments" of add must be an object.'],
  ])('the model reads which argument is wrong: %j', async (args, message) => {
    const answer = await legacy('tools/call', { name: 'add', arguments: args });
    expect(answer?.result?.['isError']).toBe(true);
    expect(text(answer)).toBe(message);
  });

  test('a tool may refuse arguments itself; what breaks inside goes to the log, not to the caller', async () => {
    expect(text(await legacy('tools/call', { name: 'fail', arguments: { how: 'arguments' } }))).toBe(
      'Argument "how" is no good.',
    );
    const broken = await legacy('tools/call', { name: 'fail', arguments: {} });
    expect(broken?.result?.['isError']).toBe(true);
    expect(text(broken)).not.toContain('secret');
    expect(failures).toEqual(['fail: Error: secret detail']);
  });

  test('an unknown tool is a protocol error that names those there are', async () => {
    expect((await legacy('tools/call', { name: 'nope' }))?.error).toMatchObject({
      code: -32602,
      message: expect.stringContaining('add, fail, wait'),
    });
    expect((await legacy('tools/call', {}))?.error?.code).toBe(-32602);
  });

  test('what is no JSON, or no JSON-RPC, is answered without an id', async () => {
    expect(await send('{"jsonrpc":')).toMatchObject({ id: null, error: { code: -32700 } });
    expect(await send('{"id":1}')).toMatchObject({ error: { code: -32600 } });
    expect(await send('[]')).toMatchObject({ error: { code: -32600 } });
  });

  test('a call is cancelled through its signal', async () => {
    const abort = new AbortController();
    const answer = send(
      { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'wait' } },
      abort.signal,
    );
    abort.abort();
    expect(text(await answer)).toBe('stopped');
  });
});

describe('over HTTP', () => {
  const post = async (
    message: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; body: Answer | undefined }> => {
    const { status, body } = await answerPost(
      server,
      Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)),
      headers,
      NEVER,
    );
    return { status, body: body === undefined ? undefined : (JSON.parse(body.toString()) as Answer) };
  };
  const request = (method: string, params: object = {}): object => ({
    jsonrpc: '2.0',
    id: 7,
    method,
    params: { ...params, _meta: META },
  });
  const headers = (method: string, name?: string): Record<string, string> => ({
    'mcp-protocol-version': MODERN,
    'mcp-method': method,
    ...(name === undefined ? {} : { 'mcp-name': name }),
  });

  test('modern requests have their statuses', async () => {
    expect(await post(request('tools/list'), headers('tools/list'))).toMatchObject({
      status: 200,
      body: { result: { resultType: 'complete' } },
    });
    const call = request('tools/call', { name: 'add', arguments: { a: 1 } });
    expect((await post(call, headers('tools/call', 'add'))).status).toBe(200);
    expect(await post(request('ping'), headers('ping'))).toMatchObject({
      status: 404,
      body: { error: { code: -32601 } },
    });
    expect(await post(request('tools/call', { name: 'nope' }), headers('tools/call', 'nope'))).toMatchObject({
      status: 200,
      body: { error: { code: -32602 } },
    });
  });

  test('modern headers must equal the body', async () => {
    const call = request('tools/call', { name: 'add', arguments: { a: 1 } });
    expect(await post(call, headers('tools/call', 'fail'))).toMatchObject({
      status: 400,
      body: { id: 7, error: { code: -32020 } },
    });
    expect(await post(call, headers('tools/list', 'add'))).toMatchObject({
      status: 400,
      body: { error: { code: -32020 } },
    });
    expect(await post(request('tools/list'))).toMatchObject({
      status: 400,
      body: { error: { code: -32020 } },
    });
    expect(await post([request('tools/list')], headers('tools/list'))).toMatchObject({
      status: 400,
      body: { error: { code: -32600 } },
    });
  });

  test('legacy errors are answers: 200; what is no message, or of no version, is 400', async () => {
    expect(await post({ jsonrpc: '2.0', id: 1, method: 'nothing' })).toMatchObject({
      status: 200,
      body: { error: { code: -32601 } },
    });
    expect(await post('{"jsonrpc":')).toMatchObject({ status: 400, body: { error: { code: -32700 } } });
    expect(
      await post({ jsonrpc: '2.0', id: 1, method: 'ping' }, { 'mcp-protocol-version': '1999-01-01' }),
    ).toMatchObject({ status: 400, body: { id: 1, error: { code: -32022 } } });
  });

  test('notifications and responses are accepted without a body', async () => {
    expect(await post({ jsonrpc: '2.0', method: 'notifications/initialized' })).toEqual({
      status: 202,
      body: undefined,
    });
    expect(await post({ jsonrpc: '2.0', id: 3, result: {} })).toEqual({ status: 202, body: undefined });
  });
});
