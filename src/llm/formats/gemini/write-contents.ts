import { textOf } from '../../conversation/json.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import type { ModelRequest } from '../../conversation/request.ts';
import { NO_SIGNATURE } from './read-parts.ts';
import type { ModelRules } from './model-rules.ts';
import { writePart, type Writing } from './write-parts.ts';

interface Content {
  readonly role: 'user' | 'model';
  parts: JsonObject[];
  readonly members: JsonObject;
}

/**
 * The turns as contents that the provider accepts: a content with calls is followed at once by one with their results and nothing else; turns
 * of the role `system`, which it does not have, are told by the user; a first call in a turn that has no signature says so where the provider
 * would ask for one.
 */
export function writeContents(
  request: ModelRequest,
  writing: Writing,
  rules: ModelRules,
  isOwn: boolean,
): readonly JsonObject[] {
  const contents: Content[] = [];
  for (const turn of request.turns) {
    if (turn.name !== undefined) writing.dropped.add('contents.name');
    const members = turn.extras?.format === 'gemini' ? turn.extras.members : {};
    if (turn.extras !== undefined && turn.extras.format !== 'gemini')
      for (const name in turn.extras.members) writing.dropped.add(`contents.${name}`);
    const parts = turn.parts.flatMap((part) => writePart(part, writing));
    if (turn.role === 'system') {
      writing.dropped.add('contents.role');
      append(contents, 'user', parts.map(marked), members);
    } else if (turn.role === 'user') appendUser(contents, parts, members, isOwn);
    else
      for (const [index, list] of splitAtResponses(parts).entries())
        append(contents, index % 2 === 0 ? 'model' : 'user', list, members);
  }
  if (contents.length === 0 || (contents[0]?.role === 'model' && !isOwn))
    contents.unshift({ role: 'user', parts: [{ text: 'Continue.' }], members: {} });
  if (rules.isLater) for (const content of contents) markUnsigned(content);
  return contents.map(({ role, parts, members }) => ({ role, parts, ...members }));
}

/** Results that answer the calls before them stay by themselves; what else the user says follows in a content of its own. */
function appendUser(
  contents: Content[],
  parts: readonly JsonObject[],
  members: JsonObject,
  isOwn: boolean,
): void {
  const first = parts.findIndex((part) => part['functionResponse'] === undefined);
  const isMixed = parts.some((part) => part['functionResponse'] !== undefined) && first >= 0;
  if (isOwn || !isMixed) {
    append(contents, 'user', parts, members);
    return;
  }
  append(
    contents,
    'user',
    parts.filter((part) => part['functionResponse'] !== undefined),
    members,
  );
  contents.push({
    role: 'user',
    parts: parts.filter((part) => part['functionResponse'] === undefined),
    members,
  });
}

/** Lists of parts that the model said (even) and of results of tools that the gateway called (odd), in order. */
function splitAtResponses(parts: readonly JsonObject[]): readonly JsonObject[][] {
  const lists: JsonObject[][] = [[]];
  let results: JsonObject[] = [];
  for (const part of parts) {
    if (part['functionResponse'] !== undefined) results.push(part);
    else {
      if (results.length > 0 && part['functionCall'] === undefined) {
        lists.push(results, []);
        results = [];
      }
      lists.at(-1)?.push(part);
    }
  }
  if (results.length > 0) lists.push(results);
  return lists;
}

function append(
  contents: Content[],
  role: Content['role'],
  parts: readonly JsonObject[],
  members: JsonObject,
): void {
  if (parts.length === 0) return;
  const before = contents.at(-1);
  const isResult = (one: JsonObject | undefined): boolean => one?.['functionResponse'] !== undefined;
  if (before?.role === role && isResult(before.parts[0]) === isResult(parts[0])) before.parts.push(...parts);
  else contents.push({ role, parts: [...parts], members });
}

function markUnsigned(content: Content): void {
  const index = content.parts.findIndex((part) => part['functionCall'] !== undefined);
  const call = content.parts[index];
  if (call === undefined || call['thoughtSignature'] !== undefined || content.role !== 'model') return;
  content.parts[index] = { ...call, thoughtSignature: NO_SIGNATURE };
}

function marked(part: JsonObject): JsonObject {
  const text = textOf(part['text']);
  return text === undefined ? part : { ...part, text: `<system>\n${text}\n</system>` };
}
