import { describe, expect, it } from 'vitest';
import { GatewayError } from '../../core/errors.ts';
import { scanObject } from '../../core/json-scan.ts';
import { withMember, withoutMembers, withValue } from './compose.ts';
import { classify } from './era.ts';
import { idIn, readMessage, readMessages } from './message.ts';
import { decodeHeaderValue, encodeHeaderValue } from './modern/header-value.ts';
import { paramHeaders, readParamHeaders } from './modern/param-headers.ts';
import { validateParamHeaders } from './modern/validate.ts';
import { outboundRequest } from './outbound.ts';

const object = (text: string) => scanObject(Buffer.from(text), 3);
/** The params of `tools/call` for the tool `name`, as JSON text. */
const callParams = (
  name: string,
  params: Parameters<typeof outboundRequest>[2],
  envelope: string | undefined,
): string => {
  const replace = new Map([
    ['name', Buffer.from(JSON.stringify(name))],
    ['requestState', undefined],
  ]);
  const wording = {
    envelope,
    capabilities: '{"c":{}}',
    logLevel: undefined,
    progressToken: undefined,
    replace,
  };
  const message = outboundRequest(7, 'tools/call', params, wording).toString();
  const head = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":';
  expect(message.startsWith(head)).toBe(true);
  return message.slice(head.length, -1);
};
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
  return 'none';
};

describe('messages', () => {
  it('keep the type of their ids, zero and the empty string included', () => {
    for (const id of ['1', '"1"', '0', '""', '-5', '1e2', '900719925474099301']) {
      const message = readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`));
      expect(message.kind === 'request' ? message.idBytes.toString() : undefined).toBe(id);
    }
    expect(idIn(Buffer.from('{"id":"x","method":7}'))?.toString()).toBe('"x"');
    expect(idIn(Buffer.from('{"id":null}'))).toBeUndefined();
    expect(idIn(Buffer.from('nonsense'))).toBeUndefined();
  });

  it.each(['1.5', 'null', 'true', '{}', '[]'])('with the id %s are refused', (id) => {
    expect(codeOf(() => readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`)))).toBe(
      'rpc-invalid',
    );
  });

  it('count their last of equal members, as every other reader does', () => {
    const message = readMessage(
      Buffer.from(
        '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"a","name":"b"}}',
      ),
    );
    expect(message).toMatchObject({ method: 'tools/call' });
    expect(message.kind === 'request' && message.params?.string('name')).toBe('b');
    expect(callParams('orig', message.kind === 'request' ? message.params : undefined, undefined)).toBe(
      '{"name":"orig"}',
    );
  });

  it('come in batches of any kind', () => {
    const { batch, messages } = readMessages(
      Buffer.from(
        '[{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"m"}}]',
      ),
    );
    expect(batch).toBe(true);
    expect(messages.map((message) => message.kind)).toEqual(['notification', 'result', 'error']);
  });
});

describe('eras', () => {
  const request = (method: string, meta = '') =>
    readMessage(Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${meta}}}`));
  const modern = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}';

  it('follow the body first, then the header', () => {
    expect(classify(request('tools/list', modern), undefined)).toEqual({
      era: 'modern',
      revision: '2026-07-28',
    });
    expect(classify(request('initialize'), '2026-07-28')).toMatchObject({ era: 'legacy' });
    expect(classify(request('ping'), undefined)).toEqual({ era: 'legacy', revision: '2025-03-26' });
    expect(classify(request('ping'), '2025-11-25')).toEqual({ era: 'legacy', revision: '2025-11-25' });
    expect(classify(request('ping'), '2026-07-28')).toMatchObject({ era: 'modern' });
  });

  it('that are unknown are refused, a contradiction before that', () => {
    const unknown = request('ping', modern.replace('2026-07-28', '2099-01-01'));
    expect(codeOf(() => classify(unknown, '2099-01-01'))).toBe('version-unsupported');
    expect(codeOf(() => classify(unknown, '2026-07-28'))).toBe('header-mismatch');
    expect(codeOf(() => classify(request('ping'), '1.0'))).toBe('version-unsupported');
  });
});

describe('params for a server', () => {
  const params = object(
    '{"_meta":{"progressToken":1,"traceparent":"00-x","io.modelcontextprotocol/clientInfo":{},"io.modelcontextprotocol/clientCapabilities":{"sampling":{}}},"arguments":{"n":12345678901234567890},"name":"db-x","future":[1e400],"requestState":"s"}',
  );

  it("carry arguments and unknown members byte for byte, and of `_meta` only what is not of the client's hop", () => {
    expect(callParams('x', params, undefined)).toBe(
      '{"name":"x","arguments":{"n":12345678901234567890},"future":[1e400],"_meta":{"traceparent":"00-x"}}',
    );
    expect(callParams('x', params, '"v":1')).toBe(
      '{"name":"x","arguments":{"n":12345678901234567890},"future":[1e400],"_meta":{"v":1,"io.modelcontextprotocol/clientCapabilities":{"c":{}},"traceparent":"00-x"}}',
    );
  });

  it('need neither arguments nor `_meta`', () => {
    expect(callParams('x', undefined, undefined)).toBe('{"name":"x"}');
    expect(callParams('x', object('{}'), '"v":1')).toBe(
      '{"name":"x","_meta":{"v":1,"io.modelcontextprotocol/clientCapabilities":{"c":{}}}}',
    );
  });
});

describe('objects', () => {
  it('are changed in one place and nowhere else', () => {
    const text = '{ "a" : 1e400 ,"b":{},"a2":null}';
    expect(withoutMembers(object(text), (key) => key === 'b').toString()).toBe('{"a":1e400,"a2":null}');
    expect(withoutMembers(object(text), () => false).toString()).toBe(text);
    expect(withMember(object('{}'), '"x":1').toString()).toBe('{"x":1}');
    expect(withMember(object('{"y":2}'), '"x":1').toString()).toBe('{"x":1,"y":2}');
    expect(withValue(object(text), 'b', Buffer.from('[]')).toString()).toBe(
      '{ "a" : 1e400 ,"b":[],"a2":null}',
    );
  });
});

describe('header values', () => {
  it.each(['plain', '', ' padded ', 'grüße', 'a\nb', '=?base64?eA==?='])(
    '%j comes back as it was',
    (value) => {
      const encoded = encodeHeaderValue(value);
      expect(encoded).toMatch(/^[\x20-\x7e]*$/);
      expect(decodeHeaderValue(encoded)).toBe(value);
    },
  );

  it('with broken Base64 are none', () => {
    expect(decodeHeaderValue('=?base64?***?=')).toBeUndefined();
  });
});

describe('arguments in headers', () => {
  const read = readParamHeaders({
    type: 'object',
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      limit: { type: 'integer', 'x-mcp-header': 'Limit' },
    },
  });
  const headers = 'headers' in read ? read.headers : [];

  it('are written from the arguments, and checked against them', () => {
    expect(paramHeaders(headers, { region: 'Zürich', limit: 5 })).toEqual([
      ['Mcp-Param-Region', '=?base64?WsO8cmljaA==?='],
      ['Mcp-Param-Limit', '5'],
    ]);
    const check = (sent: Record<string, string>, args: unknown) =>
      codeOf(() => validateParamHeaders(headers, args, sent));
    expect(
      check(
        { 'mcp-param-region': '=?base64?WsO8cmljaA==?=', 'mcp-param-limit': '5.0' },
        { region: 'Zürich', limit: 5 },
      ),
    ).toBe('none');
    expect(check({}, {})).toBe('none');
    expect(check({}, { region: 'x' })).toBe('header-mismatch');
    expect(check({ 'mcp-param-region': 'y' }, { region: 'x' })).toBe('header-mismatch');
    expect(check({ 'mcp-param-region': 'y' }, {})).toBe('header-mismatch');
    expect(check({ 'mcp-param-region': '=?base64?*?=' }, { region: 'x' })).toBe('header-mismatch');
  });
});
