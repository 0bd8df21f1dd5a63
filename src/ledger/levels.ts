import type { CallStart } from './ledger-ports.ts';
import type { Level, LevelRule } from './recording-config.ts';

/** What decides about a call. */
export type Levelled = Pick<
  CallStart,
  'kind' | 'decision' | 'server' | 'toolName' | 'originalName' | 'model' | 'keyId' | 'keyAlias'
>;

/** How much is to be recorded of a call: the first rule that fits. What was denied, and what operators do, is always recorded. */
export function levelsOf(rules: readonly LevelRule[], otherwise: Level): (call: Levelled) => Level {
  if (rules.length === 0 && otherwise === 'metadata') return () => 'metadata';
  const tests = rules.map(testOf);
  return (call) => {
    if (call.kind === 'admin') return 'metadata';
    const found = tests.find(({ fits }) => fits(call))?.level ?? otherwise;
    return found === 'none' && call.decision === 'denied' ? 'metadata' : found;
  };
}

function testOf({ server, tool, model, key, level }: LevelRule): {
  readonly level: Level;
  fits(call: Levelled): boolean;
} {
  const isServer = nameTest(server);
  const isTool = nameTest(tool);
  const isModel = nameTest(model);
  const isKey = nameTest(key);
  return {
    level,
    fits: (call) =>
      isServer(call.server) &&
      (isTool(call.originalName) || isTool(call.toolName)) &&
      isModel(call.model) &&
      (isKey(call.keyAlias) || isKey(call.keyId)),
  };
}

/** Linear in the length of the name, however many stars there are. */
function nameTest(pattern: string | undefined): (name: string | undefined) => boolean {
  if (pattern === undefined) return () => true;
  const parts = pattern.split('*');
  if (parts.length === 1) return (name) => name === pattern;
  const first = parts[0]!;
  const last = parts.at(-1)!;
  return (name) => {
    if (name === undefined || !name.startsWith(first) || !name.endsWith(last)) return false;
    let at = first.length;
    for (const part of parts.slice(1, -1)) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at + last.length <= name.length;
  };
}
