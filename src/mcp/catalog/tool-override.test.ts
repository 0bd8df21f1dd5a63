import { describe, expect, it } from 'vitest';
import { scanObject } from '../../core/json-scan.ts';
import type { ToolOverride } from '../mcp-ports.ts';
import { readTool, type ToolEntry } from './tool-entry.ts';
import { applyOverride, applyOverrides, callOf } from './tool-override.ts';

const KEEP: ToolOverride = {
  name: undefined,
  title: undefined,
  description: undefined,
  annotations: {},
  hidden: false,
  arguments: {},
};

function tool(text: string): ToolEntry {
  const read = readTool('s', Buffer.from(text));
  if (!read.ok) throw new Error(read.reason);
  return read.tool;
}
const named = (...names: string[]): ToolEntry[] => names.map((name) => tool(JSON.stringify({ name })));
const textOf = ({ definition }: ToolEntry): string =>
  definition.bytes.toString('utf8', definition.start, definition.end);
const offered = (text: string, override: Partial<ToolOverride>): string =>
  textOf(applyOverride(tool(text), { ...KEEP, ...override }));
const sent = (fixed: Record<string, unknown>, params: string | undefined): string => {
  const entry = applyOverride(tool('{"name":"x","inputSchema":{"type":"object"}}'), {
    ...KEEP,
    arguments: fixed,
  });
  const { params: composed } = callOf(
    entry,
    params === undefined ? undefined : scanObject(Buffer.from(params), 2),
  );
  return composed!.bytes.toString('utf8', composed!.start, composed!.end);
};

describe('an overridden definition', () => {
  const TEXT =
    '{ "name" : "x",  "description":"old \\u00fc", "inputSchema":{ "type":"object","properties": {"a":{"maximum":12345678901234567890},"limit":{}}, "required":["a","limit"] },"future":[1e400] }';

  it('is the same bytes but for what is overridden', () => {
    expect(offered(TEXT, {})).toBe(TEXT);
    expect(offered(TEXT, { description: 'new "ü"' })).toBe(TEXT.replace('"old \\u00fc"', '"new \\"ü\\""'));
    expect(offered(TEXT, { title: 'T' })).toBe(TEXT.replace('{ ', '{"title":"T", '));
    expect(offered(TEXT, { arguments: { limit: 1 } })).toBe(
      TEXT.replace(',"limit":{}', '').replace('["a","limit"]', '["a"]'),
    );
  });

  it('keeps the annotations that are not set', () => {
    expect(
      offered('{"name":"x","annotations":{"a":1e400,"readOnlyHint":false}}', {
        annotations: { readOnlyHint: true },
      }),
    ).toBe('{"name":"x","annotations":{"a":1e400,"readOnlyHint":true}}');
    expect(offered('{"name":"x"}', { annotations: { readOnlyHint: true } })).toBe(
      '{"annotations":{"readOnlyHint":true},"name":"x"}',
    );
    const entry = applyOverride(tool('{"name":"x"}'), { ...KEEP, annotations: { idempotentHint: true } });
    expect(entry.repeatable).toBe(true);
    expect(callOf(entry, undefined).tool).toMatchObject({ repeatable: true, originalName: 'x' });
  });

  it.each([
    ['{"name":"x","inputSchema":{"required":["a"]}}', '{"name":"x","inputSchema":{}}'],
    [
      '{"name":"x","inputSchema":{"properties":{"\\u0061":{},"b":{}}}}',
      '{"name":"x","inputSchema":{"properties":{"b":{}}}}',
    ],
    [
      '{"name":"x","inputSchema":{"properties":{"a":1},"properties":{"a":2}}}',
      '{"name":"x","inputSchema":{"properties":{}}}',
    ],
    ['{"name":"x","inputSchema":{"required":"a","properties":[]}}', undefined],
    ['{"name":"x","inputSchema":true}', undefined],
    ['{"name":"x"}', undefined],
  ])('of %s has no fixed argument', (text, expected) => {
    const result = offered(text, { arguments: { a: 1 } });
    if (expected === undefined) expect(result).toBe(text);
    else expect(JSON.parse(result)).toEqual(JSON.parse(expected));
  });

  it('leaves one of repeated members, so that no reader finds the old one', () => {
    const text = offered('{"description":"evil","name":"x","description":"evil too"}', {
      description: 'good',
    });
    expect(text).not.toContain('evil');
    expect(JSON.parse(text)).toEqual({ name: 'x', description: 'good' });
  });

  it('does not ask clients for headers of arguments that they do not give', () => {
    const schema =
      '{"properties":{"region":{"type":"string","x-mcp-header":"Region"},"team":{"type":"string","x-mcp-header":"Team"}}}';
    const entry = applyOverride(tool(`{"name":"x","inputSchema":${schema}}`), {
      ...KEEP,
      arguments: { region: 'eu' },
    });
    expect(entry.paramHeaders.map(({ name }) => name)).toEqual(['Team']);
    expect(callOf(entry, undefined).tool.paramHeaders.map(({ name }) => name)).toEqual(['Region', 'Team']);
  });
});

describe('a call with fixed arguments', () => {
  it.each([
    [undefined, { arguments: { a: 1 } }],
    ['{}', { arguments: { a: 1 } }],
    ['{"arguments":null}', { arguments: { a: 1 } }],
    ['{"arguments":{}}', { arguments: { a: 1 } }],
    ['{"arguments":{"b":2}}', { arguments: { a: 1, b: 2 } }],
    ['{"arguments":{"a":2}}', { arguments: { a: 1 } }],
    ['{"arguments":{"\\u0061":2,"a":3}}', { arguments: { a: 1 } }],
    ['{"arguments":{"a":2},"_meta":{"k":1},"arguments":{"a":3}}', { arguments: { a: 1 }, _meta: { k: 1 } }],
  ])('sends them, whatever the client sent: %s', (params, expected) => {
    const text = sent({ a: 1 }, params);
    expect(JSON.parse(text)).toEqual(expected);
    expect(text.match(/"(?:a|\\u0061)":/g)).toHaveLength(1);
  });

  it('leaves the others as the client wrote them', () => {
    expect(sent({ 'ü"': { deep: [1] } }, '{"arguments":{"big":12345678901234567890,"t":"\\u00fc"}}')).toBe(
      '{"arguments":{"ü\\"":{"deep":[1]},"big":12345678901234567890,"t":"\\u00fc"}}',
    );
  });

  it.each(['"a"', '[1]', '7', 'true'])('is refused when its arguments are %s', (value) => {
    expect(() => sent({ a: 1 }, `{"arguments":${value}}`)).toThrow('params.arguments must be an object');
  });

  it('without an override is what the client sent', () => {
    const entry = tool('{"name":"x"}');
    const params = scanObject(Buffer.from('{"arguments":[1]}'), 2);
    expect(callOf(entry, params)).toEqual({ tool: entry, params });
  });
});

describe('overrides of a server', () => {
  const names = (overrides: Record<string, Partial<ToolOverride>>, ...originals: string[]) => {
    const full = Object.fromEntries(
      Object.entries(overrides).map(([name, one]) => [name, { ...KEEP, ...one }]),
    );
    const { tools, problems } = applyOverrides(named(...originals), full);
    return { names: tools.map((one) => `${one.originalName}=${one.offeredName}`), problems };
  };

  it('rename, hide and swap', () => {
    expect(names({ a: { name: 'b' }, b: { name: 'a' }, c: { hidden: true } }, 'a', 'b', 'c', 'd')).toEqual({
      names: ['a=b', 'b=a', 'd=d'],
      problems: [],
    });
    expect(names({ a: { name: 'b' }, b: { hidden: true } }, 'a', 'b')).toEqual({
      names: ['a=b'],
      problems: [],
    });
  });

  it('never give two tools one name, and say so', () => {
    const { names: given, problems } = names({ a: { name: 'b' }, c: { name: 'a' } }, 'c', 'a', 'b');
    expect(given).toEqual(['c=c', 'a=a', 'b=b']);
    expect(problems).toEqual([
      'tool_overrides.a.name is "b", but the server has a tool of that name; it keeps its own',
      'tool_overrides.c.name is "a", but the server has a tool of that name; it keeps its own',
    ]);
  });

  it('of tools and arguments that do not exist are problems', () => {
    const schema = tool('{"name":"x","inputSchema":{"properties":{"limit":{}}}}');
    expect(applyOverrides([schema], { x: { ...KEEP, arguments: { limt: 1 } }, y: KEEP }).problems).toEqual([
      'tool_overrides names "y", which is no tool of this server',
      'tool_overrides.x.arguments sets "limt", which is no argument of the tool; it is sent all the same',
    ]);
    expect(applyOverrides([], { y: KEEP }).problems).toEqual([]);
    expect(applyOverrides(named('toString'), {}).tools[0]?.override).toBeUndefined();
  });
});
