import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, startProgram, type TestProcess } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';
import { gatewayOf } from './gateway-of.ts';
import { REVISIONS, type Revision, required, serverFailures } from './suite.ts';

const FIXTURE = 'test/support/upstreams/conformance/main.ts';
const SUITE_MS = 170_000;

/** The suite knows how to reach a server on this machine as `localhost` only. */
const local = (url: string): string => url.replace('127.0.0.1', 'localhost');

/** Runs the suite against an address and gives back what did not pass. */
async function suite(url: string, revision: Revision): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'lanport-conformance-'));
  try {
    return await serverFailures(local(url), revision, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs the suite against a gateway of these servers. */
async function throughGateway(
  servers: Readonly<Record<string, unknown>>,
  scope: string,
  revision: Revision,
): Promise<string[]> {
  await using gateway = await gatewayOf(servers);
  return await suite(`${gateway.url}${scope}`, revision);
}

const fixture = (...args: string[]): Promise<TestProcess> => startProgram(FIXTURE, args);

const stdio = (...args: string[]): Record<string, unknown> => ({
  command: process.execPath,
  args: [join(ROOT, FIXTURE), ...args],
});

const http = ({ ready }: TestProcess): Record<string, unknown> => ({
  transport: 'http',
  url: `http://127.0.0.1:${ready}/mcp`,
});

const HTTP_KINDS = ['http-dual', 'http-modern', 'http-legacy'] as const;
const STDIO_KINDS = ['stdio-dual', 'stdio-legacy'] as const;

/** The kinds at which the suite can be pointed without a gateway: it speaks streamable HTTP only, and one era at a time. */
const ITSELF = {
  '2025-11-25': ['http-dual', 'http-legacy'],
  '2026-07-28': ['http-dual', 'http-modern'],
} as const;

// Each run has a server and a gateway of its own, so that none meets what another left behind.
describe.concurrent.each(REVISIONS)('the official conformance suite for %s', (revision) => {
  it.each(HTTP_KINDS)(
    'passes for a server of the kind %s behind the gateway',
    async (kind) => {
      verifies('mcp:conformance');
      await using server = await fixture(kind);
      expect(await throughGateway({ fixture: http(server) }, '/fixture/mcp', revision)).toEqual([]);
    },
    SUITE_MS,
  );

  it.each(STDIO_KINDS)(
    'passes for a server of the kind %s behind the gateway',
    async (kind) => {
      verifies('mcp:conformance');
      expect(await throughGateway({ fixture: stdio(kind) }, '/fixture/mcp', revision)).toEqual([]);
    },
    SUITE_MS,
  );

  it(
    'passes for a server that speaks HTTP+SSE behind the gateway',
    async () => {
      verifies('mcp:conformance');
      await using server = await fixture('sse');
      const declared = { transport: 'sse', url: `http://127.0.0.1:${server.ready}/sse` };
      expect(await throughGateway({ fixture: declared }, '/fixture/mcp', revision)).toEqual([]);
    },
    SUITE_MS,
  );

  it(
    'passes for two servers, each of which has half of what it asks for, without prefixes',
    async () => {
      verifies('mcp:conformance');
      await using server = await fixture('http-dual', '--part', 'a');
      const declared = {
        a: { ...http(server), tool_prefix: 'none' },
        b: { ...stdio('stdio-dual', '--part', 'b'), tool_prefix: 'none' },
      };
      expect(await throughGateway(declared, '/mcp', revision)).toEqual([]);
    },
    SUITE_MS,
  );

  it.each(ITSELF[revision])(
    'passes for the fixture itself as %s, so that what fails behind the gateway is the gateway',
    async (kind) => {
      await using server = await fixture(kind);
      expect(await suite(`http://127.0.0.1:${server.ready}/mcp`, revision)).toEqual([]);
    },
    SUITE_MS,
  );

  it(
    'fails for half of the fixture, with the names of the scenarios that the other half is for',
    async () => {
      const scenarios = await required(revision, 'server');
      expect(scenarios.length).toBe({ '2025-11-25': 30, '2026-07-28': 37 }[revision]);
      await using server = await fixture('http-dual', '--part', 'a');
      const failed = await suite(`http://127.0.0.1:${server.ready}/mcp`, revision);
      const names = new Set(failed.map((line) => line.split(':')[0]));
      expect([...names].filter((name) => !scenarios.includes(name!))).toEqual([]);
      expect(names).toContain('tools-call-image');
      expect(names).toContain('prompts-get-with-args');
      expect(names).toContain('resources-read-binary');
      expect(names).not.toContain('tools-call-simple-text');
    },
    SUITE_MS,
  );

  it(
    'fails for an address where nothing listens, with every scenario',
    async () => {
      const failed = await suite('http://127.0.0.1:9/mcp', revision);
      expect(new Set(failed.map((line) => line.split(':')[0]))).toEqual(
        new Set(await required(revision, 'server')),
      );
    },
    SUITE_MS,
  );
});
