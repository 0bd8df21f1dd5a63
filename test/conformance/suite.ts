import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../support/process.ts';

const PACKAGE = join(ROOT, 'node_modules/@modelcontextprotocol/conformance');
const RUN_MS = 150_000;
/** How long one client scenario may take, the start of the gateway included. */
const CLIENT_MS = 60_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const OUTPUT_SHOWN = 2000;

export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

/** The checks of which a warning says only that the machine was busy. Their failures count. */
const TIMED_CHECKS = new Set(['client-sse-retry-timing']);

interface Check {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly description?: string;
  readonly errorMessage?: string;
}

/** The scenarios that the suite requires of a server or a client of that revision. */
export async function required(revision: Revision, of: 'server' | 'client'): Promise<readonly string[]> {
  const text = await readFile(join(PACKAGE, 'requirements', `${revision}.yaml`), 'utf8');
  return (parse(text) as Record<typeof of, readonly string[]>)[of];
}

/**
 * Runs the official suite against a server, and gives back a line for each check that a required scenario does not pass; a warning is
 * not a pass. The suite waits for some answers for no more than half a second, which says nothing on a busy machine: a scenario that
 * is not passed is run once more by itself, and what counts is that. `folder` takes the suite's reports and has to be empty.
 */
export async function serverFailures(url: string, revision: Revision, folder: string): Promise<string[]> {
  const output = await run(['server', '--url', url, '--requirements', revision, '-o', folder]);
  const scenarios = await required(revision, 'server');
  const lines: string[] = [];
  for (const scenario of scenarios) {
    if ((await failures(folder, scenario, output)).length === 0) continue;
    const again = join(folder, 'again', scenario);
    const options = ['--scenario', scenario, '--spec-version', revision, '-o', again];
    lines.push(...(await failures(again, scenario, await run(['server', '--url', url, ...options]))));
  }
  return lines;
}

/** Runs one client scenario of the suite with a command that drives the client. `folder` takes the reports and has to be empty. */
export async function clientFailures(
  command: string,
  scenario: string,
  revision: Revision,
  folder: string,
): Promise<string[]> {
  const options = ['--scenario', scenario, '--spec-version', revision, '--timeout', String(CLIENT_MS)];
  const output = await run(['client', '--command', command, ...options, '-o', folder]);
  const lines = await failures(folder, scenario, output);
  // What a client that gave up did not do counts as skipped for the suite, not as failed.
  if (output.includes('Client exited with code') || output.includes('Client timed out after'))
    lines.push(`${scenario}: the driver gave up: ${await said(folder, scenario)}`);
  return lines;
}

/** Runs the suite in this installation and gives back what it printed. */
function run(args: readonly string[]): Promise<string> {
  // The suite finds the `node` of a client command by the path.
  const path = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(PACKAGE, 'dist/index.js'), ...args],
      { timeout: RUN_MS, maxBuffer: OUTPUT_BYTES_MAX, cwd: ROOT, env: { ...process.env, PATH: path } },
      (_error, stdout, stderr) => resolve(`${stdout}\n${stderr}`),
    );
  });
}

/** What one scenario reported as not passed, a line for each check. A scenario without a report has not passed either. */
async function failures(folder: string, scenario: string, output: string): Promise<string[]> {
  const report = await reportOf(folder, scenario);
  if (report === undefined)
    return [`${scenario}: did not run; the suite said: ${output.slice(-OUTPUT_SHOWN)}`];
  const checks = JSON.parse(await readFile(join(report, 'checks.json'), 'utf8')) as Check[];
  const judged = checks.filter(({ status }) => ['SUCCESS', 'FAILURE', 'WARNING'].includes(status));
  if (judged.length === 0) return [`${scenario}: checked nothing`];
  return judged
    .filter(({ id, status }) => status === 'FAILURE' || (status === 'WARNING' && !TIMED_CHECKS.has(id)))
    .map(
      ({ id, name, status, errorMessage, description }) =>
        `${scenario}: ${status} of ${id} (${name}): ${errorMessage ?? description ?? ''}`,
    );
}

async function reportOf(folder: string, scenario: string): Promise<string | undefined> {
  const name = new RegExp(`^(server-)?${RegExp.escape(scenario)}-\\d{4}-\\d\\d-\\d\\dT`);
  const found = (await readdir(folder).catch(() => [])).find((entry) => name.test(entry));
  return found === undefined ? undefined : join(folder, found);
}

/** The end of what the client wrote on its stderr. */
async function said(folder: string, scenario: string): Promise<string> {
  const report = await reportOf(folder, scenario);
  const text = report === undefined ? '' : await readFile(join(report, 'stderr.txt'), 'utf8');
  return text.slice(-OUTPUT_SHOWN);
}
