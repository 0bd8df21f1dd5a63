import { describe, expect, it } from 'vitest';
import { completeServer } from '../mcp-config.ts';
import type { ServerConfig, ToolHistoryRecord, ToolHistoryStore } from '../mcp-ports.ts';
import { readTool, type ToolEntry } from './tool-entry.ts';
import { acceptCommand, ToolReview } from './tool-review.ts';

const LIMITS = { startTimeoutMs: 1, callTimeoutMs: 1, concurrency: 1 };
const configOf = (more: Partial<ServerConfig> = {}): ServerConfig =>
  completeServer({ name: 's', transport: 'stdio', ...more }, LIMITS);
const HOLD = configOf({ onToolChange: 'hold' });

/** A store in memory that refuses to write while `broken`. */
function memory() {
  const rows = new Map<string, ToolHistoryRecord>();
  const store = {
    rows,
    broken: false,
    saves: 0,
    load: async (servers: readonly string[]) =>
      [...rows.values()].filter((row) => servers.includes(row.server)),
    save: async (records: readonly ToolHistoryRecord[]) => {
      if (store.broken) throw new Error('disk full');
      if (records.length > 0) store.saves++;
      for (const record of records) rows.set(`${record.server}/${record.tool}`, record);
    },
    remove: async (server: string, tools: readonly string[]) => {
      for (const tool of tools) rows.delete(`${server}/${tool}`);
    },
  } satisfies ToolHistoryStore & Record<string, unknown>;
  return store;
}

async function reviewOn(store: ToolHistoryStore, config: ServerConfig) {
  const logged: Record<string, unknown>[] = [];
  const write = (message: string, fields: Record<string, unknown> = {}) =>
    void logged.push({ message, ...fields });
  const log = { debug: write, info: write, warn: write, error: write };
  const review = new ToolReview({ store, log, clock: { now: () => 1_000, monotonicMs: () => 0 } });
  await review.load([config]);
  return { review, logged };
}

function toolsOf(...definitions: Record<string, unknown>[]): ToolEntry[] {
  return definitions.map((definition) => {
    const read = readTool('s', Buffer.from(JSON.stringify(definition)));
    if (!read.ok) throw new Error(read.reason);
    return read.tool;
  });
}

const BEFORE = toolsOf({ name: 'x', description: 'before' });
const AFTER = toolsOf({ name: 'x', description: 'after' });

describe('a review of tools', () => {
  it('holds what changed, over a restart too, until it is accepted and stored', async () => {
    const store = memory();
    const { review } = await reviewOn(store, HOLD);
    review.observe(HOLD, BEFORE);
    expect(review.holds('s', 'x')).toBe(false);
    review.observe(HOLD, AFTER);
    expect(review.holds('s', 'x')).toBe(true);
    await review.settled();
    const { review: second } = await reviewOn(store, HOLD);
    expect(second.holds('s', 'x')).toBe(true);
    second.observe(HOLD, AFTER);
    expect(second.holds('s', 'x')).toBe(true);
    expect(await second.accept('s', 'x', 'me')).toMatchObject([{ server: 's', tool: 'x' }]);
    expect(second.holds('s', 'x')).toBe(false);
    const { review: third } = await reviewOn(store, HOLD);
    expect(third.holds('s', 'x')).toBe(false);
    third.observe(HOLD, BEFORE);
    expect(third.holds('s', 'x')).toBe(false);
  });

  it('accepts nothing that it cannot keep', async () => {
    const store = memory();
    const { review } = await reviewOn(store, HOLD);
    review.observe(HOLD, BEFORE);
    review.observe(HOLD, AFTER);
    await review.settled();
    store.broken = true;
    await expect(review.accept('s', 'x', 'me')).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(review.holds('s', 'x')).toBe(true);
    store.broken = false;
    expect(await review.accept('s', undefined, 'me')).toHaveLength(1);
    expect(review.holds('s', 'x')).toBe(false);
  });

  it('accepts the version that was looked at, and no later one', async () => {
    const { review } = await reviewOn(memory(), HOLD);
    review.observe(HOLD, BEFORE);
    review.observe(HOLD, AFTER);
    const looked = review.pending('s')[0]!.version.hash;
    review.observe(HOLD, toolsOf({ name: 'x', description: 'evil' }));
    await expect(review.accept('s', 'x', 'me', looked)).rejects.toMatchObject({ code: 'tool-changed-again' });
    await expect(review.accept('s', 'y', 'me')).rejects.toMatchObject({ code: 'tool-untracked' });
    const accepting = review.accept('s', 'x', 'me');
    review.observe(HOLD, toolsOf({ name: 'x', description: 'worse' }));
    await accepting;
    expect(review.holds('s', 'x')).toBe(true);
  });

  it('goes on without a store, and says so', async () => {
    const store = memory();
    store.broken = true;
    const { review, logged } = await reviewOn(store, HOLD);
    review.observe(HOLD, BEFORE);
    review.observe(HOLD, AFTER);
    await review.settled();
    expect(review.holds('s', 'x')).toBe(true);
    expect(
      logged.filter(({ message }) => message === 'the history of tools could not be stored'),
    ).toHaveLength(2);
  });

  it('takes a history that cannot be read for one of a changed tool', async () => {
    const store = memory();
    const { review } = await reviewOn(store, HOLD);
    review.observe(HOLD, BEFORE);
    await review.settled();
    for (const payload of ['{', '{"format":7}', '{"format":1}']) {
      store.rows.set('s/x', { server: 's', tool: 'x', payload, updatedAt: 0 });
      const { review: second, logged } = await reviewOn(store, HOLD);
      expect(logged).toMatchObject([{ server: 's', tool: 'x' }]);
      second.observe(HOLD, BEFORE);
      expect(second.holds('s', 'x')).toBe(true);
    }
  });

  it('stores names of every kind', async () => {
    const store = memory();
    const { review } = await reviewOn(store, HOLD);
    const odd = ['a\u0000b', '\ud800', 'a/b"c\\', '__proto__'];
    review.observe(HOLD, toolsOf(...odd.map((name) => ({ name }))));
    await review.settled();
    expect([...store.rows.values()].map(({ tool }) => tool).join()).not.toMatch(/[\u0000\ud800]/);
    const { review: second } = await reviewOn(store, HOLD);
    for (const name of odd) expect(second.holds('s', name)).toBe(false);
  });

  it('writes nothing when a list is read again, in whatever order its members come', async () => {
    const store = memory();
    const { review, logged } = await reviewOn(store, HOLD);
    review.observe(HOLD, toolsOf({ name: 'x', description: 'd' }));
    review.observe(HOLD, toolsOf({ name: 'x', description: 'd' }));
    review.observe(HOLD, toolsOf({ description: 'd', name: 'x' }));
    await review.settled();
    expect(store.saves).toBe(1);
    expect(logged).toEqual([]);
  });

  it('holds a change again when the policy becomes stricter, and offers it when it becomes milder', async () => {
    const store = memory();
    const notify = configOf();
    const { review } = await reviewOn(store, notify);
    review.observe(notify, BEFORE);
    review.observe(notify, AFTER);
    expect(review.holds('s', 'x')).toBe(false);
    expect(review.findings('s')).toMatchObject([{ code: 'tool-changed', fix: 'lanport tools accept s/x' }]);
    await review.load([HOLD]);
    expect(review.holds('s', 'x')).toBe(true);
    expect(review.findings('s')).toMatchObject([{ code: 'tool-held' }]);
    await review.load([notify]);
    expect(review.holds('s', 'x')).toBe(false);
  });

  it('does not report what is built in and changes with the program, unless it is to be held', async () => {
    const builtIn = configOf({ transport: 'in-process' });
    const { review, logged } = await reviewOn(memory(), builtIn);
    review.observe(builtIn, BEFORE);
    review.observe(builtIn, AFTER);
    expect(review.findings('s')).toEqual([]);
    expect(logged.map(({ message }) => message)).toEqual(['the tools of a server changed']);
    const held = { ...builtIn, onToolChange: 'hold' as const };
    review.observe(held, toolsOf({ name: 'x', description: 'third' }));
    expect(review.holds('s', 'x')).toBe(true);
  });

  it('reports many changes one by one to a bound, and the number of the others', async () => {
    const notify = configOf();
    const { review, logged } = await reviewOn(memory(), notify);
    const many = (description: string) =>
      toolsOf(...Array.from({ length: 30 }, (_, at) => ({ name: `t${at}`, description })));
    review.observe(notify, many('before'));
    review.observe(notify, many('after'));
    expect(review.findings('s')).toHaveLength(21);
    expect(review.findings('s').at(-1)).toMatchObject({
      text: '10 more tools of server "s" changed.',
      fix: 'lanport tools accept s --all',
    });
    expect(logged.filter(({ code }) => code === 'tool-changed')).toHaveLength(20);
    expect(logged.at(-1)).toMatchObject({ added: 0, removed: 0, changed: 30 });
  });
});

it.each([
  ['query', 'lanport tools accept s/query'],
  ['files.read/all', 'lanport tools accept s/files.read/all'],
  ['$(reboot)', "lanport tools accept 's/$(reboot)'"],
  ["it's; ls", String.raw`lanport tools accept 's/it'\''s; ls'`],
  ['a\nreboot', 'lanport tools accept s --all'],
  ['a\u202eb', 'lanport tools accept s --all'],
])('the command that accepts %j can be pasted into a shell', (tool, command) => {
  expect(acceptCommand('s', tool)).toBe(command);
});
