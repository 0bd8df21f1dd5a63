// npm test: installs what the tests need, checks the code, runs the suite. `npm test -- PATH…` runs only those tests.
// The last line is "N passed, N failed"; a failed check and a test file that does not load count as failed.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ensureInstalled } from './bootstrap/install.mjs';
import { exitWith, findNode, ROOT, runNode } from './bootstrap/run-node.mjs';

/** The whole suite takes about a quarter of an hour; whatever still runs then hangs. Milliseconds. */
const SUITE_MS = 30 * 60_000;

await exitWith(async () => {
  await ensureInstalled(ROOT, { dev: true });
  process.chdir(ROOT);
  const env = {
    ...process.env,
    PATH: [dirname(findNode()), join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter),
  };
  const only = process.argv.slice(2);
  const folder = mkdtempSync(join(tmpdir(), 'lanport-test-'));
  try {
    const checks = only.length > 0 ? { failed: 0, code: 0 } : await runChecks(folder, env);
    const tests = await runTests(folder, only, env);
    process.stdout.write(`${tests.passed} passed, ${tests.failed + checks.failed} failed\n`);
    return checks.code !== 0 || tests.code !== 0 || tests.failed > 0 || tests.passed === 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

async function runChecks(folder, env) {
  const report = join(folder, 'checks.json');
  const code = await runNode([join(ROOT, 'scripts/check.ts'), '--report', report], {
    env,
    timeoutMs: SUITE_MS,
  });
  const failed = readJson(report)?.failed.length ?? 1;
  return { failed: code === 0 ? failed : Math.max(1, failed), code };
}

async function runTests(folder, only, env) {
  const report = join(folder, 'tests.json');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await runNode([vitest, 'run', ...reporters, ...only], { env, timeoutMs: SUITE_MS });
  const result = readJson(report);
  if (result === undefined) return { passed: 0, failed: 1, code: code || 1 };
  const unloaded = result.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  return { passed: result.numPassedTests, failed: result.numFailedTests + unloaded, code };
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
