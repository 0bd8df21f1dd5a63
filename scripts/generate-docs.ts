import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { referenceFiles } from './docs/reference-files.ts';

/** `npm run docs`: writes docs/reference from the code. `npm run check docs` says whether that is needed. */
const root = dirname(import.meta.dirname);
for (const [path, text] of referenceFiles()) {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
