import type { Dropped } from '../../conversation/dropped.ts';
import type { FormatName } from '../../conversation/format-name.ts';
import type { Extras, JsonObject, Part } from '../../conversation/parts.ts';

/** Where each format has the parts of its conversation. */
const CONVERSATION: Readonly<Record<FormatName, string>> = {
  chat: 'messages',
  messages: 'messages',
  responses: 'input',
  gemini: 'contents',
};

/** Reports the members that only another format knows. `place`: the member that holds them, or `undefined` for the conversation. */
export function dropExtras(extras: Extras | undefined, dropped: Dropped, place?: string): void {
  if (extras === undefined || extras.format === 'responses') return;
  const prefix = place ?? CONVERSATION[extras.format];
  for (const name of Object.keys(extras.members)) dropped.add(prefix === '' ? name : `${prefix}.${name}`);
}

/** Reports what a part carries that this format has no place for. */
export function dropCommon(part: Part, dropped: Dropped): void {
  if (part.cache !== undefined) dropped.add('messages.cache_control');
  dropExtras(part.extras, dropped);
}

/** The name of a block or tool that only `format` has. */
export function foreignName(format: FormatName, value: JsonObject, place?: string): string {
  const type = typeof value['type'] === 'string' ? value['type'] : (Object.keys(value)[0] ?? 'unknown');
  return `${place ?? CONVERSATION[format]}.${type}`;
}
