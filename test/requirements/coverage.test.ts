import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../support/process.ts';
import { REQUIREMENTS } from './requirements.ts';

const CITATION = /verifies\(([^)]*)\)/g;

/** Ids that tests cite, each with the files that do. */
async function citations(): Promise<{ files: number; cited: Map<string, string[]> }> {
  const cited = new Map<string, string[]>();
  let files = 0;
  for await (const file of glob('{src,test}/**/*.test.ts', { cwd: ROOT })) {
    if (file.endsWith('requirements/coverage.test.ts')) continue;
    files++;
    for (const [, list] of (await readFile(join(ROOT, file), 'utf8')).matchAll(CITATION)) {
      for (const [, id] of list!.matchAll(/'([^']+)'/g)) cited.set(id!, [...(cited.get(id!) ?? []), file]);
    }
  }
  return { files, cited };
}

it('every promise is cited by a test, and every citation is of a promise', async () => {
  const { files, cited } = await citations();
  expect(files).toBeGreaterThan(20);
  const known = Object.keys(REQUIREMENTS);
  expect(known.filter((id) => !cited.has(id))).toEqual([]);
  expect([...cited.keys()].filter((id) => !known.includes(id))).toEqual([]);
});

it('every source within the project exists', () => {
  const inside = Object.values(REQUIREMENTS)
    .map((row) => row.source)
    .filter((source) => !source.startsWith('https://'));
  expect(inside.length).toBeGreaterThan(5);
  const paths = inside
    .map((source) => source.split(',')[0]!)
    .map((path) => (path === 'README' ? 'README.md' : path));
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
