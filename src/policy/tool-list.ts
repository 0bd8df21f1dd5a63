import type { PolicyServer } from './policy-server.ts';
import { ownNames } from './server-names.ts';

/** The name under which a server's tool is offered, with the prefix or without one. */
export type ExposedName = (prefix: string | undefined, originalName: string) => string;

/** Whether a list of tools means a server's tool. */
export type ToolTest = (originalName: string) => boolean;

/**
 * Reads a list of tools as one server sees it. Each entry may be the tool's original name, `server/tool`, or the name that clients see
 * (`server-tool`); the server may stand there by name or alias, in upper or lower case. Tool names are compared exactly.
 */
export function toolTest(entries: readonly string[], server: PolicyServer, exposed: ExposedName): ToolTest {
  const written = new Set(entries);
  const prefixes = ownNames(server);
  const originals = new Set(entries);
  for (const entry of entries) {
    for (const prefix of prefixes) {
      const rest = entry.slice(prefix.length + 1);
      const joined = entry.slice(0, prefix.length + 1).toLowerCase();
      if (rest !== '' && (joined === `${prefix.toLowerCase()}/` || joined === `${prefix.toLowerCase()}-`))
        originals.add(rest);
    }
  }
  const offered = (originalName: string): boolean =>
    written.has(exposed(undefined, originalName)) ||
    prefixes.some((prefix) => written.has(exposed(prefix, originalName)));
  return (originalName) => originals.has(originalName) || offered(originalName);
}
