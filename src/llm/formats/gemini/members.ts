import type { Json, JsonObject } from '../../conversation/parts.ts';

/**
 * The members of an object under the names of the API's JSON: `system_instruction` is accepted as well as `systemInstruction`. Only this
 * object's own names; what is inside is read by whoever knows it.
 */
export function camelMembers(object: JsonObject): JsonObject {
  let result: Record<string, Json | undefined> | undefined;
  for (const key in object) {
    if (!key.includes('_')) continue;
    result ??= { ...object };
    delete result[key];
    result[key.replaceAll(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase())] ??= object[key];
  }
  return result ?? object;
}
