import { describe, expect, test } from 'vitest';
import { emptyRequest } from '../../../test/support/llm/answer-facts.ts';
import type { AnswerEvent } from './answer.ts';
import type { ModelRequest, Tool } from './request.ts';
import { restoreTools, ToolNames, wrapFreeform } from './tool-names.ts';

const LIMITS = { forbidden: /[^\w-]/g, first: /^[a-zA-Z_]/, charsMax: 20 };

const requestOf = (...tools: Tool[]): ModelRequest => ({ ...emptyRequest(), tools });
const tool = (name: string, namespace?: string): Tool => ({
  kind: 'function',
  name,
  namespace,
  schema: undefined,
});

describe('names of tools', () => {
  const request = requestOf(
    tool('echo', 'mcp__gw'),
    tool('echo'),
    tool('a.b'),
    tool('a:b'),
    tool('a_b'),
    tool('9lives'),
    tool('x'.repeat(30)),
    tool(`${'x'.repeat(30)}y`),
    { kind: 'freeform', name: 'apply_patch' },
  );
  const names = new ToolNames(request, LIMITS);

  test('what fits stays, the rest is flat, within the limits, and never the same', () => {
    expect(names.wire('echo', undefined)).toBe('echo');
    expect(names.wire('echo', 'mcp__gw')).toBe('mcp__gw__echo');
    expect(names.wire('a_b', undefined)).toBe('a_b');
    expect(names.wire('9lives', undefined)).toBe('t_9lives');
    const all = request.tools.map((one) => ('name' in one ? names.wire(one.name, one.namespace) : ''));
    expect(new Set(all).size).toBe(all.length);
    for (const name of all) expect(name).toMatch(/^[a-zA-Z_][\w-]{0,19}$/);
  });

  test('every name on the wire leads back', () => {
    for (const one of request.tools) {
      if (!('name' in one)) continue;
      const wire = names.wire(one.name, one.namespace);
      expect(names.tool(wire)).toMatchObject({ name: one.name, namespace: one.namespace });
      expect(new ToolNames(request, LIMITS).wire(one.name, one.namespace)).toBe(wire);
    }
    expect(names.tool('unknown')).toBeUndefined();
  });

  test('an answer gets the request’s names, namespaces and freeform inputs', () => {
    const restore = restoreTools(names);
    const start = (at: number, name: string): AnswerEvent => ({
      kind: 'part-start',
      at,
      part: { kind: 'tool-call', id: `${at}`, name },
    });
    const events: AnswerEvent[] = [
      start(0, 'mcp__gw__echo'),
      start(1, 'apply_patch'),
      { kind: 'input', at: 0, text: '{}' },
      { kind: 'input', at: 1, text: wrapFreeform('*** Begin\n').slice(0, 9) },
      { kind: 'input', at: 1, text: wrapFreeform('*** Begin\n').slice(9) },
      { kind: 'part-end', at: 1 },
      { kind: 'part-end', at: 0 },
    ];
    expect(events.flatMap((event) => restore?.(event) ?? [])).toMatchObject([
      { part: { name: 'echo', namespace: 'mcp__gw' } },
      { part: { name: 'apply_patch', isFreeform: true } },
      { at: 0, text: '{}' },
      { kind: 'input', at: 1, text: '*** Begin\n' },
      { kind: 'part-end', at: 1 },
      { kind: 'part-end', at: 0 },
    ]);
    expect(restoreTools(new ToolNames(requestOf(tool('echo')), LIMITS))).toBeUndefined();
  });

  test('the text of a freeform tool of the provider’s own goes on piece by piece, whatever it looks like', () => {
    const restore = restoreTools(names);
    const part = { kind: 'tool-call', id: '0', name: 'apply_patch', isFreeform: true } as const;
    const events: AnswerEvent[] = [
      { kind: 'part-start', at: 0, part },
      { kind: 'input', at: 0, text: '{"input":' },
      { kind: 'input', at: 0, text: '"x"}' },
      { kind: 'part-end', at: 0 },
    ];
    expect(events.flatMap((event) => restore?.(event) ?? [])).toMatchObject(events);
  });
});
