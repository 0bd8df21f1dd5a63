import { describe, expect, it } from 'vitest';
import { verifies } from '../../../test/support/verifies.ts';
import { NAME_CHARACTERS_MAX } from './names.ts';
import { readTool, type ToolEntry } from './tool-entry.ts';
import { buildView, type View, type ViewServer } from './view.ts';

/** Names of every kind are made from these; seeds make them the same in every run. */
const SEEDS = Array.from({ length: 200 }, (_, seed) => seed + 1);
const WORDS = [
  'a',
  'b',
  'db',
  'list',
  'query',
  'files.read',
  'x_y',
  'über',
  'tool with spaces',
  'n'.repeat(45),
];

/** Numbers from 0 up to, but not, `below`. https://en.wikipedia.org/wiki/Xorshift */
function randomOf(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function offering(name: string, tools: readonly ToolEntry[]): ViewServer {
  return { name, prefix: name, bare: false, tools, prompts: [], resources: [], templates: [] };
}

function serversOf(
  random: (below: number) => number,
  separator: string,
  joiner: string,
): readonly ViewServer[] {
  const phrase = (): string =>
    Array.from({ length: 1 + random(3) }, () => WORDS[random(WORDS.length)]!).join(joiner);
  const names = [...new Set(Array.from({ length: 3 + random(4) }, phrase))];
  return names.map((name) => {
    const tools = new Set(
      Array.from(
        { length: 1 + random(8) },
        () => `${phrase()}${random(4) === 0 ? separator + phrase() : ''}`,
      ),
    );
    return offering(
      name,
      [...tools].map((one) => toolOf(name, one)),
    );
  });
}

/** The same, and for some servers `a-b` with a tool `c` a server `a` with a tool `b-c`. */
function withRivals(
  servers: readonly ViewServer[],
  random: (below: number) => number,
  separator: string,
): readonly ViewServer[] {
  const all = new Map(servers.map((server) => [server.name, server]));
  for (const { name, tools } of servers) {
    const at = name.indexOf(separator);
    if (at < 1 || random(2) === 0) continue;
    const [head, rest] = [name.slice(0, at), name.slice(at + separator.length)];
    const own = all.get(head)?.tools ?? [];
    const rival = `${rest}${separator}${tools[0]!.originalName}`;
    if (own.some(({ originalName }) => originalName === rival)) continue;
    all.set(head, offering(head, [...own, toolOf(head, rival)]));
  }
  const mixed = [...all.values()];
  return random(2) === 0 ? mixed : mixed.reverse();
}

function toolOf(server: string, name: string): ToolEntry {
  const read = readTool(server, Buffer.from(JSON.stringify({ name })));
  if (!read.ok) throw new Error(read.reason);
  return read.tool;
}

/** `server/tool` and the name it is offered under. */
const namesOf = (view: View): ReadonlyMap<string, string> =>
  new Map([...view.tools].map(([name, tool]) => [`${tool.server}/${tool.originalName}`, name]));

describe.each([
  ['-', '_'],
  ['__', '-'],
  ['_', '-'],
])('names with the separator "%s"', (separator, joiner) => {
  it('are those of before for every tool of a server that stays, whatever servers come and go in whatever order', () => {
    verifies('mcp:stable-names', 'rule:14-names');
    for (const seed of SEEDS) {
      const random = randomOf(seed);
      const servers = serversOf(random, separator, joiner);
      const all = namesOf(buildView(servers, separator));
      for (let round = 0; round < 5; round++) {
        const some = servers.filter(() => random(2) === 0);
        if (random(2) === 0) some.reverse();
        if (some.length < 2) continue;
        for (const [tool, name] of namesOf(buildView(some, separator)))
          expect(name, `seed ${seed}`).toBe(all.get(tool));
      }
    }
  });
});

describe.each(['-', '__', '_'])(
  'names with the separator "%s", prefixes that contain it included',
  (separator) => {
    it('are unique, fit every client, and lead back to their tool', () => {
      verifies('rule:14-names', 'pain:23-names-too-long', 'pain:24-names-that-collide');
      for (const seed of SEEDS) {
        const random = randomOf(seed);
        const servers = withRivals(serversOf(random, separator, separator), random, separator);
        for (const scope of [servers, servers.slice(0, 1)]) {
          const view = buildView(scope, separator);
          expect(view.tools.size).toBe(scope.flatMap(({ tools }) => tools).length);
          const listed = (
            JSON.parse(view.list('tools', 'legacy').toString()) as { tools: { name: string }[] }
          ).tools;
          expect(listed.map(({ name }) => name)).toEqual([...view.tools.keys()]);
          for (const [name, tool] of view.tools) {
            expect(name, `seed ${seed}`).toMatch(/^[A-Za-z0-9_-]+$/);
            expect(name.length).toBeLessThanOrEqual(NAME_CHARACTERS_MAX);
            expect(view.tool(name)).toEqual({ kind: 'found', item: tool });
          }
        }
      }
    });

    it('do not depend on the tools that other servers have', () => {
      for (const seed of SEEDS) {
        const random = randomOf(seed);
        const servers = withRivals(serversOf(random, separator, separator), random, separator);
        const all = namesOf(buildView(servers, separator));
        for (const kept of servers) {
          const others = servers.map((server) => (server === kept ? server : { ...server, tools: [] }));
          for (const [tool, name] of namesOf(buildView(others, separator)))
            expect(name, `seed ${seed}`).toBe(all.get(tool));
        }
      }
    });
  },
);

describe('a server that names its tool like one of another server', () => {
  const honest = offering('git-hub', [toolOf('git-hub', 'push')]);
  const sly = offering('git', [toolOf('git', 'hub-push')]);
  const other = offering('z', [toolOf('z', 'git-hub-push')]);

  it('does not get its name, in whatever order they are configured', () => {
    for (const order of [
      [honest, sly, other],
      [other, sly, honest],
    ])
      expect(buildView(order, '-').tool('git-hub-push')).toMatchObject({ item: { server: 'git-hub' } });
  });

  it('does not get its calls either, when the tool is gone', () => {
    const gone = { ...honest, tools: [] };
    expect(buildView([gone, sly, other], '-').tool('git-hub-push')).toEqual({ kind: 'unknown' });
  });
});
