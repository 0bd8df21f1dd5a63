import { createHash } from 'node:crypto';
import type { ModelRequest } from '../../conversation/request.ts';

/** What OpenAI takes as the name of a tool. */
const NAME = /^[a-zA-Z0-9_-]{1,128}$/;
const NAME_CHARACTERS_MAX = 128;
const HASH_CHARACTERS = 8;

/** Names of tools as this format can write them. */
export interface WireNames {
  /** The name on the wire for a tool's own name. */
  readonly byName: ReadonlyMap<string, string>;
  /** The tool's own name for one on the wire. Names that are written as they are stand in neither map. */
  readonly byWire: ReadonlyMap<string, string>;
}

/** The names of a request's tools that this format cannot write as they are. They depend on the request alone, so that an answer's names can be turned back. */
export function wireNames(request: ModelRequest): WireNames {
  const byName = new Map<string, string>();
  const byWire = new Map<string, string>();
  const names = request.tools.flatMap((tool) =>
    tool.kind === 'function' || tool.kind === 'freeform' ? [tool.name] : [],
  );
  const calls = request.turns.flatMap(({ parts }) =>
    parts.flatMap((part) => (part.kind === 'tool-call' ? [part.name] : [])),
  );
  for (const name of [...names, ...calls]) {
    if (NAME.test(name) || byName.has(name)) continue;
    const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_CHARACTERS);
    const base = name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, NAME_CHARACTERS_MAX - HASH_CHARACTERS - 1);
    const wire = `${base}_${hash}`;
    byName.set(name, wire);
    byWire.set(wire, name);
  }
  return { byName, byWire };
}
