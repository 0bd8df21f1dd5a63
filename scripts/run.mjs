// node scripts/run.mjs FILE [ARGUMENTS]: runs a TypeScript file of this checkout on the pinned Node.js.
import { delimiter, dirname, join } from 'node:path';
import { ensureInstalled } from './bootstrap/install.mjs';
import { exitWith, findNode, ROOT, runNode } from './bootstrap/run-node.mjs';

await exitWith(async () => {
  await ensureInstalled(ROOT, { dev: true });
  const path = [dirname(findNode()), join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter);
  return runNode(process.argv.slice(2), { env: { ...process.env, PATH: path } });
});
