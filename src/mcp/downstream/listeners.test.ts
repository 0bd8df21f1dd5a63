import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { View } from '../catalog/view.ts';
import type { Visibility } from '../mcp-ports.ts';
import { type ChangeKind, Listeners } from './listeners.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Listeners over views of which only the digests matter: by key of the visibility, then kind. */
function heard() {
  const digests: Record<string, Record<string, string>> = {};
  const viewOf = ({ key }: Visibility) =>
    ({ digest: (kind: ChangeKind) => digests[key]?.[kind] ?? '' }) as unknown as View;
  const listeners = new Listeners(viewOf);
  const told: string[] = [];
  const add = (name: string, key: () => string, wants: readonly ChangeKind[]) =>
    listeners.add({
      visibility: () => ({ key: key(), servers: [], allowsTool: () => true }),
      wants: new Set(wants),
      changed: (kind) => told.push(`${name} ${kind}`),
    });
  const change = (key: string, kind: ChangeKind, digest: string) => {
    digests[key] = { ...digests[key], [kind]: digest };
    listeners.changed();
  };
  return { listeners, told, add, change };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('listeners', () => {
  it('hear once of changes that come together, and only of lists of their own that are others now', async () => {
    const { told, add, change } = heard();
    add('a', () => 'all', ['tools', 'prompts', 'resources']);
    add('b', () => 'one', ['tools']);
    change('all', 'tools', '1');
    change('all', 'tools', '2');
    change('all', 'prompts', '1');
    expect(told).toEqual([]);
    await pass(100);
    expect(told).toEqual(['a tools', 'a prompts']);
  });

  it('hear nothing of what they did not ask for, nor of a change that was taken back', async () => {
    const { told, add, change } = heard();
    add('a', () => 'all', ['prompts']);
    change('all', 'tools', '1');
    change('all', 'prompts', '1');
    change('all', 'prompts', '');
    await pass(100);
    expect(told).toEqual([]);
  });

  it('hear of each later change, too', async () => {
    const { told, add, change } = heard();
    add('a', () => 'all', ['tools']);
    for (const digest of ['1', '2', '3']) {
      change('all', 'tools', digest);
      await pass(100);
    }
    expect(told).toHaveLength(3);
  });

  it('hear when they may see something else than before', async () => {
    const { listeners, told, add, change } = heard();
    let key = 'all';
    change('one', 'tools', '1');
    await pass(100);
    add('a', () => key, ['tools']);
    key = 'one';
    listeners.changed();
    await pass(100);
    expect(told).toEqual(['a tools']);
  });

  it('that were removed hear nothing, and nothing is heard after the end', async () => {
    const { listeners, told, add, change } = heard();
    const remove = add('a', () => 'all', ['tools']);
    add('b', () => 'all', ['tools']);
    remove();
    remove();
    change('all', 'tools', '1');
    listeners.close();
    await pass(1_000);
    expect(told).toEqual([]);
    expect(listeners.size).toBe(0);
  });

  it('may remove themselves while they are told', async () => {
    const { told, add, change } = heard();
    const removes: (() => void)[] = [];
    for (const name of ['a', 'b', 'c'])
      removes.push(
        add(name, () => {
          removes[1]?.();
          return 'all';
        }, ['tools']),
      );
    change('all', 'tools', '1');
    await pass(100);
    expect(told).toEqual(['a tools', 'c tools']);
  });
});
