/** Groups of tools that an operator may switch on. */
export const TOOLSETS = ['core', 'schema', 'data', 'performance', 'write', 'aliases'] as const;
export type Toolset = (typeof TOOLSETS)[number];

/** What `all` stands for: every tool under its own name. Writing needs its own permission besides. */
const ALL: readonly Toolset[] = ['core', 'schema', 'data', 'performance'];

/**
 * The sets that are on: `core` always, `write` where writing is allowed, and those that were named. Throws one sentence for a name that is
 * none, or for `write` where writing is not allowed.
 */
export function chosenToolsets(named: readonly string[], allowWrite: boolean): ReadonlySet<Toolset> {
  const chosen = new Set<Toolset>(allowWrite ? ['core', 'write'] : ['core']);
  for (const name of named) {
    if (name === 'all') for (const set of ALL) chosen.add(set);
    else if (name === 'default') continue;
    else if (!isToolset(name))
      throw new Error(`toolset ${JSON.stringify(name)} is not known: use all, ${TOOLSETS.join(', ')}`);
    else if (name === 'write' && !allowWrite)
      throw new Error('toolset "write" needs MCP_ALLOW_WRITE=true (--access-mode unrestricted)');
    else chosen.add(name);
  }
  return chosen;
}

function isToolset(name: string): name is Toolset {
  return (TOOLSETS as readonly string[]).includes(name);
}
