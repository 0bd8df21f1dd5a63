import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkArchitecture } from '../test/architecture/check.ts';
import { docsDrift } from './docs/reference-files.ts';

/**
 * `npm run check [NAME…]`: everything that is checked without running the gateway, in order of cost. A check prints one line when it
 * passes and its findings when it does not; all of them run. Exit code 1 when one failed. `--report FILE` writes the names of the
 * failed ones as JSON.
 */

const ROOT = dirname(import.meta.dirname);

interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

const CHECKS: Readonly<Record<string, () => Promise<Outcome>>> = {
  architecture: async () => {
    const result = await checkArchitecture(ROOT);
    return { ok: result.violations.length === 0, output: [...result.notes, ...result.violations].join('\n') };
  },
  docs: async () => {
    const stale = await docsDrift(ROOT);
    return {
      ok: stale.length === 0,
      output: stale.map((file) => `${file} is out of date: run npm run docs`).join('\n'),
    };
  },
  format: () => run('node_modules/@biomejs/biome/bin/biome', ['format', '--diagnostic-level=error']),
  types: () => run('node_modules/typescript/bin/tsc', ['--noEmit', '-p', ROOT]),
  lint: () => run('node_modules/oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']),
  unused: () => run('node_modules/knip/bin/knip.js', ['--no-progress']),
};

function run(program: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, program), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('error', (error) => resolve({ ok: false, output: error.message }));
    child.once('close', (code) =>
      resolve({ ok: code === 0, output: Buffer.concat(chunks).toString('utf8').trim() }),
    );
  });
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { report: { type: 'string' } },
    allowPositionals: true,
  });
  const unknown = positionals.filter((name) => !(name in CHECKS));
  if (unknown.length > 0) {
    process.stderr.write(
      `There is no check ${unknown.join(', ')}. There are: ${Object.keys(CHECKS).join(', ')}.\n`,
    );
    return 2;
  }
  const failed: string[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const started = performance.now();
    const { ok, output } = await check();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`);
    if (output !== '' && (!ok || name === 'architecture')) process.stdout.write(`${output}\n`);
    if (!ok) failed.push(name);
  }
  if (values.report !== undefined) await writeFile(values.report, JSON.stringify({ failed }));
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
