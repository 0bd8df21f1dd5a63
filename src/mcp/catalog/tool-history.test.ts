import { describe, expect, it } from 'vitest';
import { verifies } from '../../../test/support/verifies.ts';
import {
  digestTool,
  pendingOf,
  REMOVED_MAX,
  reviewTools,
  type ServerHistory,
  type ToolPolicy,
  VERSIONS_MAX,
  withAcceptance,
} from './tool-history.ts';

const HOUR_MS = 3_600_000;
const NOTHING: ServerHistory = new Map();

const definition = (name: string, more: Record<string, unknown> = {}): string =>
  JSON.stringify({ name, description: `${name} does it`, inputSchema: { type: 'object' }, ...more });
const seen = (...definitions: string[]) =>
  new Map(definitions.map((text) => [(JSON.parse(text) as { name: string }).name, digestTool(text)]));
/** Readings one after the other, an hour apart; the last one's outcome. */
const readings = (policy: ToolPolicy, ...lists: string[][]) => {
  let at = 0;
  let outcome = reviewTools(NOTHING, seen(...lists[0]!), policy, at);
  for (const list of lists.slice(1))
    outcome = reviewTools(outcome.history, seen(...list), policy, ++at * HOUR_MS);
  return outcome;
};
const pending = (history: ServerHistory, tool: string) => pendingOf(history.get(tool)!)?.change;

describe('the digest of a definition', () => {
  it('tells which part is different', () => {
    verifies('mcp:tool-changes');
    const changes = (more: Record<string, unknown>) =>
      readings('notify', [definition('x')], [definition('x', more)]).changes;
    expect(changes({ description: 'else' })).toEqual([{ tool: 'x', change: ['description'] }]);
    expect(changes({ inputSchema: { type: 'object', properties: {} } })[0]?.change).toEqual(['schema']);
    expect(changes({ outputSchema: {}, inputSchema: {} })[0]?.change).toEqual(['schema']);
    expect(changes({ annotations: { readOnlyHint: true } })[0]?.change).toEqual(['annotations']);
    expect(changes({ title: 'X', _meta: {} })[0]?.change).toEqual(['other']);
    expect(changes({ description: 'else', annotations: {} })[0]?.change).toEqual([
      'description',
      'annotations',
    ]);
  });

  it('is the same for members in another order', () => {
    const one = digestTool('{"name":"x","inputSchema":{"type":"object","properties":{"a":{},"b":{}}}}');
    const two = digestTool('{ "inputSchema":{"properties":{"b":{},"a":{}},"type":"object"}, "name":"x" }');
    expect(two).toEqual(one);
  });
});

describe('a review', () => {
  it('takes the first tools of a server as they are', () => {
    const outcome = reviewTools(NOTHING, seen(definition('x'), definition('y')), 'hold', 5);
    expect(outcome.changes).toEqual([]);
    expect(outcome.changed.map(({ tool }) => tool)).toEqual(['x', 'y']);
    expect(outcome.history.get('x')?.versions).toMatchObject([
      { firstSeen: 5, lastSeen: 5, change: ['added'], accepted: { at: 5, by: 'first reading' } },
    ]);
  });

  it('has nothing to store when nothing changed, but the hour', () => {
    const list = seen(definition('x'));
    const first = reviewTools(NOTHING, list, 'notify', 0).history;
    expect(reviewTools(first, list, 'notify', HOUR_MS - 1)).toMatchObject({ changed: [], changes: [] });
    const later = reviewTools(first, list, 'notify', HOUR_MS);
    expect(later.changes).toEqual([]);
    expect(later.changed[0]?.versions).toMatchObject([{ firstSeen: 0, lastSeen: HOUR_MS }]);
  });

  it('leaves a changed tool to the operator, whether it is held or not, and a new one when it is held', () => {
    const lists = [[definition('x')], [definition('x', { description: 'evil' }), definition('y')]];
    for (const policy of ['notify', 'hold'] as const) {
      const { history, changes } = readings(policy, ...lists);
      expect(changes).toEqual([
        { tool: 'x', change: ['description'] },
        { tool: 'y', change: ['added'] },
      ]);
      expect(pending(history, 'x')).toEqual(['description']);
      expect(pending(history, 'y')).toEqual(policy === 'hold' ? ['added'] : undefined);
    }
    expect(pending(readings('accept', ...lists).history, 'x')).toBeUndefined();
  });

  it('measures several changes against the version that was accepted, not against the last one', () => {
    const { history } = readings(
      'hold',
      [definition('x')],
      [definition('x', { description: 'a' })],
      [definition('x', { description: 'b', annotations: {} })],
    );
    expect(history.get('x')?.versions.map(({ change }) => change)).toEqual([
      ['added'],
      ['description'],
      ['description', 'annotations'],
    ]);
    expect(pending(history, 'x')).toEqual(['description', 'annotations']);
  });

  it('knows a version again that was accepted before', () => {
    const [one, two] = [definition('x'), definition('x', { description: 'two' })];
    const changed = readings('hold', [one], [two]).history;
    const back = reviewTools(changed, seen(one), 'hold', 9 * HOUR_MS);
    expect(back.changes).toEqual([{ tool: 'x', change: ['description'] }]);
    expect(pending(back.history, 'x')).toBeUndefined();
    expect(back.history.get('x')?.versions).toHaveLength(2);
    const accepted = withAcceptance(changed.get('x')!, digestTool(two).hash, { at: 1, by: 'someone' });
    expect(pendingOf(accepted)).toBeUndefined();
    expect(accepted.versions[1]?.accepted).toEqual({ at: 1, by: 'someone' });
    expect(pending(reviewTools(back.history, seen(two), 'hold', 10 * HOUR_MS).history, 'x')).toEqual([
      'description',
    ]);
  });

  it('notices tools that go, and does not take one that comes back different for a new one', () => {
    const gone = readings('notify', [definition('x'), definition('y')], [definition('y')]);
    expect(gone.changes).toEqual([{ tool: 'x', change: ['removed'] }]);
    expect(gone.history.get('x')).toMatchObject({ current: undefined, removedAt: HOUR_MS });
    const same = reviewTools(gone.history, seen(definition('x'), definition('y')), 'notify', 2 * HOUR_MS);
    expect(same.changes).toEqual([{ tool: 'x', change: ['added'] }]);
    expect(pending(same.history, 'x')).toBeUndefined();
    const other = reviewTools(
      gone.history,
      seen(definition('x', { description: 'evil' })),
      'notify',
      2 * HOUR_MS,
    );
    expect(other.changes[0]).toEqual({ tool: 'x', change: ['added', 'description'] });
    expect(pending(other.history, 'x')).toEqual(['description']);
  });

  it('takes a server for known whose tools all went away', () => {
    const { history, changes } = readings('hold', [definition('x')], [], [definition('y')]);
    expect(changes).toEqual([{ tool: 'y', change: ['added'] }]);
    expect(pending(history, 'y')).toEqual(['added']);
  });

  it('keeps a bounded number of versions, the accepted and the current one always among them', () => {
    const lists = Array.from({ length: VERSIONS_MAX + 20 }, (_, at) => [
      definition('x', { description: `v${at}` }),
    ]);
    const versions = readings('notify', ...lists).history.get('x')!.versions;
    expect(versions).toHaveLength(VERSIONS_MAX);
    expect(versions[0]).toMatchObject({ firstSeen: 0, accepted: { by: 'first reading' } });
    expect(versions.at(-1)?.definition).toContain(`v${VERSIONS_MAX + 19}`);
    expect(versions[1]?.definition).toContain('v21');
  });

  it('forgets the tools first that went away first', () => {
    const many = Array.from({ length: REMOVED_MAX + 3 }, (_, at) => definition(`t${at}`));
    const { history, forgotten } = readings('hold', many, many.slice(2), []);
    expect(forgotten.slice(0, 2)).toEqual(['t0', 't1']);
    expect(forgotten).toHaveLength(3);
    expect(history.size).toBe(REMOVED_MAX);
    expect(pending(readings('hold', many, [], [many[0]!]).history, 't0')).toEqual(['added']);
  });

  it('remembers a very long definition by its hashes', () => {
    const long = definition('x', { description: 'd'.repeat(100_000) });
    const longer = definition('x', { description: 'd'.repeat(100_001) });
    const { history, changes } = readings('notify', [long], [longer]);
    expect(changes).toEqual([{ tool: 'x', change: ['description'] }]);
    expect(history.get('x')?.versions.map((version) => version.definition)).toEqual([undefined, undefined]);
  });
});
