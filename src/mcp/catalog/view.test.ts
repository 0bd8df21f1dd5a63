import { describe, expect, it } from 'vitest';
import { exposedName, NAME_CHARACTERS_MAX } from './names.ts';
import { readTool, type ToolEntry } from './tool-entry.ts';
import { buildView } from './view.ts';
import { verifies } from '../../../test/support/verifies.ts';

function tool(server: string, definition: Record<string, unknown> | string): ToolEntry {
  const read = readTool(
    server,
    Buffer.from(typeof definition === 'string' ? definition : JSON.stringify(definition)),
  );
  if (!read.ok) throw new Error(read.reason);
  return read.tool;
}

const server = (name: string, ...tools: (Record<string, unknown> | string)[]) => ({
  name,
  prefix: name,
  bare: false,
  tools: tools.map((one) => tool(name, one)),
  prompts: [],
  resources: [],
  templates: [],
});
const namesIn = (list: Buffer): string[] =>
  (JSON.parse(list.toString()) as { tools: { name: string }[] }).tools.map((one) => one.name);

describe('the name of a tool', () => {
  it('is its prefix and itself where that fits, and keeps to the characters and the length that clients allow', () => {
    verifies('mcp:names', 'pain:23-names-too-long');
    expect(exposedName('db', '-', 'list_tables')).toBe('db-list_tables');
    expect(exposedName(undefined, '-', 'list_tables')).toBe('list_tables');
    const odd = exposedName('db', '-', 'files.read/all');
    expect(odd).toMatch(/^db-files_read_all_[0-9a-f]{8}$/);
    const long = exposedName(
      'a-server-with-a-long-name',
      '-',
      'a_tool_with_a_name_that_is_much_too_long_for_most',
    );
    expect(long).toHaveLength(NAME_CHARACTERS_MAX);
    expect(long).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it('depends on nothing but itself, and differs where the original differs', () => {
    expect(exposedName('db', '-', 'a.b')).toBe(exposedName('db', '-', 'a.b'));
    expect(exposedName('db', '-', 'a.b')).not.toBe(exposedName('db', '-', 'a/b'));
    expect(exposedName('db', '-', `${'x'.repeat(80)}1`)).not.toBe(
      exposedName('db', '-', `${'x'.repeat(80)}2`),
    );
  });
});

describe('a view', () => {
  it('of one server has plain names, of several has prefixes, in the order of servers and tools', () => {
    const one = server('a', { name: 'x' }, { name: 'y' });
    const two = server('b', { name: 'x' });
    expect(namesIn(buildView([one], '-').list('tools', 'legacy'))).toEqual(['x', 'y']);
    expect(namesIn(buildView([one, two], '-').list('tools', 'legacy'))).toEqual(['a-x', 'a-y', 'b-x']);
    expect(namesIn(buildView([one, two], '__').list('tools', 'modern'))).toEqual(['a__x', 'a__y', 'b__x']);
  });

  it('changes of a definition nothing but its name', () => {
    const text =
      '{ "description":"d", "name":"x","inputSchema":{"type":"object","maximum":12345678901234567890},"future":[1e400] }';
    expect(
      buildView([server('a', text), server('b', { name: 'y' })], '-')
        .list('tools', 'legacy')
        .toString(),
    ).toContain(text.replace('"name":"x"', '"name":"a-x"'));
    expect(
      JSON.parse(
        buildView([server('a', text)], '-')
          .list('tools', 'modern')
          .toString(),
      ),
    ).toMatchObject({
      resultType: 'complete',
      cacheScope: 'private',
      ttlMs: 0,
    });
  });

  it('finds tools by their names, prefixed or, where only one server has them, not', () => {
    verifies('mcp:routing');
    const view = buildView([server('a', { name: 'x' }, { name: 'only' }), server('b', { name: 'x' })], '-');
    expect(view.tool('a-x')).toMatchObject({ kind: 'found', item: { server: 'a', originalName: 'x' } });
    expect(view.tool('only')).toMatchObject({ kind: 'found', item: { server: 'a' } });
    expect(view.tool('x')).toEqual({ kind: 'ambiguous', candidates: ['a-x', 'b-x'] });
    expect(view.tool('b-only')).toEqual({ kind: 'unknown' });
    expect(buildView([server('a', { name: 'x' })], '-').tool('a-x')).toMatchObject({ kind: 'found' });
    expect(view.tool('__proto__')).toEqual({ kind: 'unknown' });
  });

  it('keeps names apart that meet after a prefix, by a rule and not by who came first to connect', () => {
    const view = buildView([server('a-b', { name: 'c' }), server('a', { name: 'b-c' })], '-');
    const names = namesIn(view.list('tools', 'legacy'));
    expect(new Set(names).size).toBe(2);
    expect(names[0]).toBe('a-b-c');
    expect(view.tool(names[1]!)).toMatchObject({ item: { server: 'a', originalName: 'b-c' } });
  });
});

describe('a tool definition', () => {
  it.each([
    ['[]', /no object/],
    ['{"description":"x"}', /without a name/],
    ['{"name":7}', /without a name/],
    [
      '{"name":"x","inputSchema":{"type":"object","properties":{"r":{"type":"number","x-mcp-header":"Region"}}}}',
      /not on a string, integer or boolean/,
    ],
    [
      '{"name":"x","inputSchema":{"type":"object","properties":{"r":{"type":"string","x-mcp-header":"bad name"}}}}',
      /not a header name/,
    ],
    [
      '{"name":"x","inputSchema":{"anyOf":[{"properties":{"r":{"type":"string","x-mcp-header":"Region"}}}]}}',
      /only "properties" chains/,
    ],
  ])('%s is refused with the reason', (text, reason) => {
    const read = readTool('s', Buffer.from(text));
    expect(read.ok).toBe(false);
    expect(read.ok ? '' : read.reason).toMatch(reason);
  });

  it('tells whether a lost call may be sent again, and which arguments go into headers', () => {
    expect(tool('s', { name: 'x' }).repeatable).toBe(false);
    expect(tool('s', { name: 'x', annotations: { readOnlyHint: true } }).repeatable).toBe(true);
    expect(tool('s', { name: 'x', annotations: { idempotentHint: true } }).repeatable).toBe(true);
    expect(
      tool('s', {
        name: 'x',
        inputSchema: {
          properties: { where: { properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } } },
        },
      }).paramHeaders,
    ).toEqual([{ name: 'Region', path: ['where', 'region'] }]);
  });
});
