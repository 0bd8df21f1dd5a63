import { afterEach, describe, expect, it } from 'vitest';
import { LegacyRaw, type RawAnswer } from '../support/scripted/raw-client.ts';
import { startFleet } from '../support/scripted/fleet.ts';
import type { Json, ScriptedKind } from '../support/scripted/scripted-server.ts';
import { verifies } from '../support/verifies.ts';

const CHANGED = 'notifications/tools/list_changed';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

const toolsOf = (...names: string[]): Json[] =>
  names.map((name) => ({ name, inputSchema: { type: 'object' } }));

const namesIn = (result: Json | undefined): unknown[] | undefined =>
  (result?.['tools'] as Json[] | undefined)?.map((tool) => tool['name']);

const changesIn = (stream: RawAnswer): number =>
  stream.messages.filter(({ method }) => method === CHANGED).length;

/** Reads the list each time that the client is told of a change, until it is this one. */
async function untilListed(client: LegacyRaw, stream: RawAnswer, names: readonly string[]): Promise<void> {
  for (;;) {
    const told = changesIn(stream);
    const { result } = await client.ask('tools/list');
    if (JSON.stringify(namesIn(result)) === JSON.stringify(names)) return;
    await stream.message(() => changesIn(stream) > told);
  }
}

async function start(kind: ScriptedKind, manual: string[] = []) {
  const fleet = await startFleet([kind], { offer: { tools: toolsOf('t0') }, manual });
  open.push(fleet);
  const client = await LegacyRaw.open(fleet.gateway);
  const stream = await client.listen();
  return { server: fleet.of(kind), client, stream };
}

describe.each(['stdio', 'http', 'modern'] as const)('a %s server whose list changes', (kind) => {
  it('a thousand times on end is read about once a second, and clients are told of what they see alone', async () => {
    verifies('mcp:watches');
    const { server, client, stream } = await start(kind);
    using _ = stream;
    // A stateless server can tell when it is listened to.
    if (kind === 'modern') await server.next('subscriptions/listen');
    const before = server.count('tools/list');
    const startedMs = performance.now();
    for (let change = 1; change <= 1_000; change++) {
      server.offer.tools = toolsOf(`t${change}`);
      server.announce(CHANGED);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    await untilListed(client, stream, ['t1000']);
    const readings = server.count('tools/list') - before;
    // One at once, then one for each second that went by.
    expect(readings).toBeLessThanOrEqual(2 + (performance.now() - startedMs) / 1_000);
    expect(changesIn(stream)).toBeLessThanOrEqual(readings);
  });

  it('while it is read is read again', async () => {
    verifies('mcp:watches');
    const manual: string[] = [];
    const { server, client, stream } = await start(kind, manual);
    using _ = stream;
    if (kind === 'modern') await server.next('subscriptions/listen');
    await server.next('tools/list');
    manual.push('tools/list');
    const page = (names: string[], nextCursor?: string): Json => ({
      ...(kind === 'modern' ? { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } : {}),
      tools: toolsOf(...names),
      ...(nextCursor === undefined ? {} : { nextCursor }),
    });
    server.announce(CHANGED);
    (await server.next('tools/list')).reply(page(['a'], '1'));
    const second = await server.next('tools/list');
    // Now it is another list, of which the first page is gone.
    server.announce(CHANGED);
    second.reply(page(['d']));
    (await server.next('tools/list')).reply(page(['c'], '1'));
    (await server.next('tools/list')).reply(page(['d']));
    await untilListed(client, stream, ['c', 'd']);
    // Each reading was of two pages, but for the one at the start.
    expect(server.count('tools/list')).toBe(5);
  });
});
