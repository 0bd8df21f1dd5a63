import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { ROOT, startProgram, type TestProcess } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

const SUITE = join(ROOT, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');
const SUITE_MS = 120_000;

let fixture: TestProcess;
let gateway: TestGateway;

beforeAll(async () => {
  fixture = await startProgram('test/support/upstreams/conformance-fixture.ts');
  // The suite sends no key: a gateway without any key serves this machine.
  gateway = await startGateway({
    config: {
      general_settings: { disable_database: true },
      mcp_servers: { fixture: { transport: 'http', url: `http://127.0.0.1:${fixture.ready}/mcp` } },
    },
  });
}, 60_000);

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await fixture?.[Symbol.asyncDispose]();
});

/** Runs the official suite against the gateway; its exit code and what it printed. */
function suite(revision: string, baseline: string): Promise<{ code: number; output: string }> {
  const url = `${gateway.url.replace('127.0.0.1', 'localhost')}/fixture/mcp`;
  const args = [
    SUITE,
    'server',
    '--url',
    url,
    '--requirements',
    revision,
    '--expected-failures',
    baseline,
    '-o',
    join(gateway.folder, revision),
  ];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      args,
      { timeout: SUITE_MS, maxBuffer: 64 * 1024 * 1024, cwd: gateway.folder },
      (error, stdout, stderr) => {
        resolve({
          code: error === null ? 0 : ((error as { code?: number }).code ?? 1),
          output: `${stdout}\n${stderr}`,
        });
      },
    );
  });
}

it.each(['2025-11-25', '2026-07-28'])(
  'the official conformance suite for %s passes but for the listed scenarios, each of which still fails',
  async (revision) => {
    verifies('mcp:conformance');
    const { code, output } = await suite(
      revision,
      join(import.meta.dirname, `expected-failures-${revision}.yml`),
    );
    const summary = output.slice(output.indexOf('=== SUMMARY ==='));
    expect(summary).toMatch(/✓ tools-list: [1-9]/);
    expect(summary).toMatch(/✓ tools-call-simple-text: [1-9]/);
    expect(code, summary).toBe(0);
  },
  SUITE_MS,
);

it(
  'a listed scenario that passes makes the suite fail',
  async () => {
    const { code, output } = await suite('2025-11-25', join(import.meta.dirname, 'stale-failures.yml'));
    expect(code).not.toBe(0);
    expect(output).toMatch(/tools-list/);
  },
  SUITE_MS,
);
