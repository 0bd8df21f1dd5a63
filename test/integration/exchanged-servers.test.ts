import { expect, it } from 'vitest';
import { RawClient } from '../support/clients/raw-client.ts';
import { configWith, startGateway } from '../support/gateway.ts';
import { lastingPort } from '../support/ports.ts';
import { startProgram, type TestProcess } from '../support/process.ts';
import { verifies } from '../support/verifies.ts';

/** Servers that refuse, each in words of its own, what was meant for another. */
const KINDS = {
  'SDK v1 with sessions': ['test/support/upstreams/http-sessions.ts'],
  'SDK v1 without sessions': ['test/support/upstreams/http-stateless.ts'],
  'SDK v2': ['test/support/upstreams/http-modern.ts'],
  'own sessions': ['test/support/upstreams/nonce-http.ts', '2025-03-26'],
  'own 2026-07-28': ['test/support/upstreams/nonce-http.ts', 'modern'],
} as const;
type Kind = keyof typeof KINDS;
const NAMES = Object.keys(KINDS) as Kind[];
/** Begins and ends with the first, and has each before each other once. */
const TRAIL: readonly Kind[] = [
  ...NAMES.flatMap((one, at) => NAMES.slice(at + 1).flatMap((other) => [one, other])),
  NAMES[0]!,
];
/** A few seconds, on a machine that has nothing else to do. */
const TRAIL_MS = 180_000;
const SAID = '"text":"hello"';

it('a server that was exchanged for one of another kind answers the next call, and each after it', {
  timeout: TRAIL_MS,
}, async () => {
  verifies('mcp:exchanged-server');
  const port = await lastingPort();
  const start = async (kind: Kind): Promise<TestProcess> => {
    const [file, ...args] = KINDS[kind];
    return await startProgram(file, args, { PORT: String(port) });
  };
  let running = await start(TRAIL[0]!);
  await using _last = { [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
  await using gateway = await startGateway({
    config: configWith({ one: { url: `http://127.0.0.1:${port}/mcp` } }),
  });
  await using client = await new RawClient('legacy', gateway.url, gateway.key, '/mcp').open();
  let id = 0;
  const echo = async (): Promise<string> => {
    const { result, error } = await client.call(++id, 'one-echo', {
      text: 'hello',
      nonce: 'hello',
      steps: 0,
    });
    return error?.message ?? JSON.stringify(result?.['content']);
  };
  const failed: string[] = [];
  expect(await echo()).toContain(SAID);
  for (const [at, kind] of TRAIL.entries()) {
    if (at === 0) continue;
    await running[Symbol.asyncDispose]();
    running = await start(kind);
    for (const call of ['first', 'second']) {
      const answer = await echo();
      if (!answer.includes(SAID)) failed.push(`${TRAIL[at - 1]!}, then ${kind}, ${call} call: ${answer}`);
    }
  }
  expect(failed).toEqual([]);
});
