import { describe, expect, it } from 'vitest';
import { messageOf } from '../../../test/support/engine/fake-upstream.ts';
import type { RpcNotification } from '../wire/message.ts';
import { ResourceWatchers } from './resource-watchers.ts';

const UPDATED = messageOf({ method: 'notifications/resources/updated', params: {} }) as RpcNotification;

function watched(...watches: readonly (readonly [server: string, uri: string])[]) {
  const watchers = new ResourceWatchers();
  const told: string[] = [];
  const removes = watches.map(([server, uri]) =>
    watchers.add(server, uri, () => told.push(`${server} ${uri}`)),
  );
  return { watchers, told, removes };
}

describe('watchers of resources', () => {
  it('hear of their own resource of their own server', () => {
    const { watchers, told } = watched(['a', 'file:///x'], ['b', 'file:///x'], ['a', 'file:///y']);
    watchers.updated('a', 'file:///x', UPDATED);
    watchers.updated('c', 'file:///x', UPDATED);
    expect(told).toEqual(['a file:///x']);
  });

  it('hear of its parts, also when someone watches the part itself', () => {
    const { watchers, told } = watched(['a', 'file:///dir/'], ['a', 'file:///dir'], ['a', 'file:///dir/x']);
    watchers.updated('a', 'file:///dir/x', UPDATED);
    expect(told.sort()).toEqual(['a file:///dir', 'a file:///dir/', 'a file:///dir/x']);
  });

  it('do not hear of one whose URI merely begins like theirs, when that is watched', () => {
    const { watchers, told } = watched(['a', 'db://table1'], ['a', 'db://table10']);
    watchers.updated('a', 'db://table10', UPDATED);
    expect(told).toEqual(['a db://table10']);
  });

  it('hear each once, and nothing once they are removed', () => {
    const { watchers, told, removes } = watched(['a', 'u'], ['a', 'u'], ['a', 'v']);
    watchers.updated('a', 'u', UPDATED);
    expect(told).toEqual(['a u', 'a u']);
    removes[0]!();
    removes[0]!();
    expect(watchers.countsOf('a')).toEqual(
      new Map([
        ['u', 1],
        ['v', 1],
      ]),
    );
    removes[1]!();
    expect(watchers.countsOf('a')).toEqual(new Map([['v', 1]]));
    removes[2]!();
    expect(watchers.countsOf('a')).toEqual(new Map());
    watchers.updated('a', 'u', UPDATED);
    expect(told).toHaveLength(2);
  });

  it('may be added again after all were removed, whatever is removed twice', () => {
    const { watchers, removes } = watched(['a', 'u']);
    removes[0]!();
    const told: string[] = [];
    watchers.add('a', 'u', () => told.push('second'));
    removes[0]!();
    watchers.updated('a', 'u', UPDATED);
    expect(told).toEqual(['second']);
  });
});
