#!/usr/bin/env node
// The command `lanport`: src/main.ts on the pinned Node.js.
import { join } from 'node:path';
import { ensureInstalled } from './bootstrap/install.mjs';
import { exitWith, ROOT, runNode } from './bootstrap/run-node.mjs';

await exitWith(async () => {
  await ensureInstalled(ROOT, { dev: false });
  return runNode([join(ROOT, 'src/main.ts'), ...process.argv.slice(2)]);
});
