import type { Stop } from '../../conversation/answer.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { isObject, listOf, objectOf, textOf } from './json-members.ts';

/** What an answer holds that says why it stopped. */
export interface StopSigns {
  readonly hasCalls: boolean;
  readonly hasRefusal: boolean;
}

/** Why a response stopped: this format says it only of those that are incomplete. */
export function readStop(response: JsonObject, isIncomplete: boolean, signs: StopSigns): Stop {
  if (isIncomplete) {
    const raw = textOf(objectOf(response['incomplete_details'])?.['reason']);
    if (raw === 'max_output_tokens' || raw === undefined) return { kind: 'length', raw };
    return { kind: raw === 'content_filter' ? 'content-filter' : 'other', raw };
  }
  if (signs.hasCalls) return { kind: 'tool-calls' };
  return { kind: signs.hasRefusal ? 'refusal' : 'end' };
}

/** Whether an item is a call that the client has to make. */
export function isClientCall(type: unknown): boolean {
  return type === 'function_call' || type === 'custom_tool_call';
}

/** Whether an item is a message in which the model refuses. */
export function isRefusal(item: JsonObject | undefined): boolean {
  return listOf(item?.['content']).some((part) => isObject(part) && part['type'] === 'refusal');
}

/** The signs in the items of a whole output. */
export function signsOf(response: JsonObject): StopSigns {
  const output = listOf(response['output']).filter(isObject);
  return {
    hasCalls: output.some((item) => isClientCall(item['type'])),
    hasRefusal: output.some(isRefusal),
  };
}
