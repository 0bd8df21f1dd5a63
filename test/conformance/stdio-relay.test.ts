import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

const SUITE = join(ROOT, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const CLIENT = join(ROOT, 'test/support/clients/conformance-client.ts');
const SUITE_MS = 60_000;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanport-conformance-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs one client scenario of the official suite against `lanport stdio`; what it printed. */
function suite(scenario: string, revision: string): Promise<string> {
  const args = [
    SUITE,
    'client',
    '--command',
    `${process.execPath} ${CLIENT}`,
    '--scenario',
    scenario,
    '--spec-version',
    revision,
    '-o',
    join(folder, scenario),
  ];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      { timeout: SUITE_MS, maxBuffer: 64 * 1024 * 1024, cwd: folder },
      (_error, stdout, stderr) => resolve(`${stdout}\n${stderr}`),
    );
  });
}

it.each([
  ['initialize', '2025-11-25'],
  ['tools_call', '2025-11-25'],
  ['elicitation-sep1034-client-defaults', '2025-11-25'],
  ['sse-retry', '2025-11-25'],
  ['tools_call', '2026-07-28'],
  ['request-metadata', '2026-07-28'],
  ['http-standard-headers', '2026-07-28'],
  ['http-custom-headers', '2026-07-28'],
])(
  'lanport stdio passes the official client scenario %s of %s',
  async (scenario, revision) => {
    verifies('stdio:conformance');
    const output = await suite(scenario, revision);
    expect(output).toMatch(/Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings/);
    expect(output).toContain('OVERALL: PASSED');
  },
  SUITE_MS,
);
