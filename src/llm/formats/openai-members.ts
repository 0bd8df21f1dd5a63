import type { FormatName } from '../conversation/format-name.ts';
import type { Extras, Json, JsonObject } from '../conversation/parts.ts';

/** What OpenAI takes in Chat Completions and in Responses by the same names, and nobody else does. */
const SHARED: ReadonlySet<string> = new Set(['safety_identifier', 'prompt_cache_retention']);

/** The members of a request of OpenAI's other format (`from`) that this one has, too, and what is left of its own. */
export function sharedMembers(
  extras: Extras | undefined,
  from: FormatName,
): { readonly shared: JsonObject; readonly rest: Extras | undefined } {
  if (extras === undefined || extras.format !== from) return { shared: {}, rest: extras };
  const shared: Record<string, Json | undefined> = {};
  const members: Record<string, Json | undefined> = {};
  for (const [name, value] of Object.entries(extras.members))
    (SHARED.has(name) ? shared : members)[name] = value;
  return { shared, rest: { ...extras, members } };
}
