import { expect, it } from 'vitest';
import { FakeCaller } from '../../../test/support/engine/fake-caller.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { scanObject } from '../../core/json-scan.ts';
import { TaskOwners } from './task-owners.ts';

it('10,000 tasks are remembered, each for its owner alone; the oldest makes room for one more', () => {
  verifies('bounds:tables');
  const owners = new TaskOwners();
  const anna = new FakeCaller('anna');
  const learn = (id: number): void =>
    owners.learn('one', anna, scanObject(Buffer.from(`{"resultType":"task","taskId":"t${id}"}`), 1));
  const owned = (id: number, by = 'anna'): string | undefined =>
    owners.serversOf(`t${id}`, by, ['zero', 'one'])[0];
  for (let id = 0; id < 10_000; id++) learn(id);
  expect([owned(0), owned(9_999), owned(0, 'bert')]).toEqual(['one', 'one', undefined]);
  learn(0);
  learn(10_000);
  expect([owned(0), owned(1), owned(2)]).toEqual(['one', undefined, 'one']);
});

it('a task is looked for at every server that is named, since two may have chosen one id', () => {
  const owners = new TaskOwners();
  const task = scanObject(Buffer.from('{"resultType":"task","taskId":"t"}'), 1);
  for (const [server, who] of [
    ['one', 'anna'],
    ['two', 'anna'],
    ['three', 'bert'],
  ] as const)
    owners.learn(server, new FakeCaller(who), task);
  expect(owners.serversOf('t', 'anna', ['three', 'two', 'one'])).toEqual(['two', 'one']);
  expect(owners.serversOf('t', 'anna', ['two'])).toEqual(['two']);
});
