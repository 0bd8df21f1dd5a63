import type { Extras, Json, JsonObject } from '../../conversation/parts.ts';
import { ownExtras } from './json-members.ts';

/** How the extras of a message's first part name the members of the message itself. */
const PREFIX = 'message.';

/** The extras for a message's first part: those of the part, and `members` of the message. */
export function withMessageMembers(
  extras: Extras | undefined,
  members: Record<string, Json>,
): Extras | undefined {
  const all: Record<string, Json | undefined> = { ...ownExtras(extras) };
  for (const [name, member] of Object.entries(members)) all[PREFIX + name] = member;
  return Object.keys(all).length === 0 ? undefined : { format: 'responses', members: all };
}

/** What the first part of a message says of the message. */
export function messageMembers(extras: Extras | undefined): JsonObject {
  return Object.fromEntries(
    Object.entries(ownExtras(extras))
      .filter(([name]) => name.startsWith(PREFIX))
      .map(([name, member]) => [name.slice(PREFIX.length), member]),
  );
}

/** What a part of a message says of itself. */
export function partMembers(extras: Extras | undefined): JsonObject {
  return Object.fromEntries(Object.entries(ownExtras(extras)).filter(([name]) => !name.startsWith(PREFIX)));
}
