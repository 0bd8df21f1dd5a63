import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifies } from '../support/verifies.ts';
import { clientFailures, REVISIONS, type Revision, required } from './suite.ts';

const DRIVER = 'node test/conformance/drive-client.ts';
const SCENARIO_MS = 90_000;

/** What the suite asks of a client that is not asked of the gateway yet: it has no OAuth client of its own, so it cannot log in anywhere. */
const LATER = /^auth\//;

/** Also run, although no revision requires it: the suite is younger than the revisions, and the gateway has to keep schemas whole. */
const ALSO = ['json-schema-2020-12-preservation'];

const SCENARIOS: Readonly<Record<Revision, readonly string[]>> = {
  '2025-11-25': ['initialize', 'tools_call', 'elicitation-sep1034-client-defaults', 'sse-retry', ...ALSO],
  '2026-07-28': [
    'tools_call',
    'request-metadata',
    'sep-2322-client-request-state',
    'http-standard-headers',
    'http-custom-headers',
    'http-invalid-tool-headers',
    'json-schema-ref-no-deref',
    ...ALSO,
  ],
};

async function scenarioFailures(command: string, scenario: string, revision: Revision): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lanport-conformance-'));
  try {
    return await clientFailures(command, scenario, revision, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe.concurrent.each(REVISIONS)('the client suite for %s', (revision) => {
  it('has no required scenario that is neither run here nor left for later', async () => {
    const asked = (await required(revision, 'client')).filter((name) => !LATER.test(name));
    expect(asked.length).toBeGreaterThan(3);
    expect([...asked, ...ALSO].sort()).toEqual([...SCENARIOS[revision]].sort());
  });

  it.each(SCENARIOS[revision])(
    'is content with what the gateway sends to a server in %s',
    async (scenario) => {
      verifies('mcp:conformance');
      expect(await scenarioFailures(DRIVER, scenario, revision)).toEqual([]);
    },
    SCENARIO_MS,
  );

  it(
    'is not content with a client that does nothing',
    async () => {
      expect((await scenarioFailures('true', 'tools_call', revision))[0]).toMatch(/^tools_call: FAILURE of /);
    },
    SCENARIO_MS,
  );
});
