import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ERRORS } from '../../src/core/errors.ts';
import { ROOT } from '../support/process.ts';

it('every error in the table is answered somewhere', async () => {
  let source = '';
  let files = 0;
  for await (const file of glob('src/**/*.ts', { cwd: ROOT })) {
    if (file.endsWith('.test.ts') || file.endsWith('core/errors.ts')) continue;
    files++;
    source += await readFile(join(ROOT, file), 'utf8');
  }
  expect(files).toBeGreaterThan(50);
  expect(Object.keys(ERRORS).filter((code) => !source.includes(`'${code}'`))).toEqual([]);
});
