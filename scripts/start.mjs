// npm start: installs what is missing, then serves. Arguments go to `lanport serve`.
import { join } from 'node:path';
import { ensureInstalled } from './bootstrap/install.mjs';
import { exitWith, ROOT, runNode } from './bootstrap/run-node.mjs';

await exitWith(async () => {
  await ensureInstalled(ROOT, { dev: false });
  return runNode([join(ROOT, 'src/main.ts'), 'serve', ...process.argv.slice(2)]);
});
