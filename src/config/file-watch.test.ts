import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FileWatch, noteReads } from './file-watch.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-watch-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Watches `path` as it is now; `changed` resolves with the first change after the call. */
async function watching(path: string) {
  const reads = noteReads();
  await reads.readFile(path).catch(() => undefined);
  let told = (): void => undefined;
  const watch = new FileWatch(() => told(), { lookMs: 5, settleMs: 5 });
  watch.watch(reads.stamps);
  return {
    changed: () =>
      new Promise<string>((resolve) => {
        told = () => resolve('changed');
      }),
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
}

it('a file that is written, replaced, removed or comes back is noticed each time', async () => {
  const file = join(folder, 'a.yaml');
  await writeFile(file, 'one');
  using watch = await watching(file);
  const beside = join(folder, 'a.new');
  await writeFile(beside, 'two');
  for (const act of [
    () => writeFile(file, 'two'),
    () => rename(beside, file),
    () => unlink(file),
    () => writeFile(file, 'two'),
  ]) {
    const changed = watch.changed();
    await act();
    await expect(changed).resolves.toBe('changed');
  }
});

it('a file behind a link that is turned to another folder is noticed', async () => {
  const now = join(folder, '..data');
  for (const version of ['1', '2']) {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'c.yaml'), version);
  }
  await symlink('1', now);
  await symlink('..data/c.yaml', join(folder, 'c.yaml'));
  using watch = await watching(join(folder, 'c.yaml'));
  const changed = watch.changed();
  await symlink('2', join(folder, '..new'));
  await rename(join(folder, '..new'), now);
  await expect(changed).resolves.toBe('changed');
});

it('a change between the reading of a file and the watching of it is noticed', async () => {
  const file = join(folder, 'b.yaml');
  await writeFile(file, 'one');
  const reads = noteReads();
  expect(Buffer.from(await reads.readFile(file)).toString()).toBe('one');
  await writeFile(file, 'another');
  let told = (): void => undefined;
  const changed = new Promise<void>((resolve) => {
    told = resolve;
  });
  using watch = new FileWatch(told, { lookMs: 5, settleMs: 5 });
  watch.watch(reads.stamps);
  await changed;
});
