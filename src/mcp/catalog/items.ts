import { type JsonObject, JsonSyntaxError, scanObject } from '../../core/json-scan.ts';
import { type TemplateMatcher, templateMatcher } from './uri-template.ts';

const NAME_CHARACTERS_MAX = 1_024;
const URI_CHARACTERS_MAX = 8_192;

/** One prompt of one server, its definition as the bytes that the server sent. */
export interface PromptEntry {
  readonly server: string;
  readonly originalName: string;
  readonly definition: JsonObject;
}

/** One listed resource of one server. */
export interface ResourceEntry {
  readonly server: string;
  readonly uri: string;
  readonly definition: JsonObject;
}

/** One resource template of one server (RFC 6570). */
export interface TemplateEntry {
  readonly server: string;
  readonly uriTemplate: string;
  readonly definition: JsonObject;
  readonly matches: TemplateMatcher;
}

export type ReadItem<T> =
  | { readonly ok: true; readonly key: string; readonly item: T }
  | { readonly ok: false; readonly reason: string };

export function readPrompt(server: string, bytes: Buffer): ReadItem<PromptEntry> {
  return read(bytes, 'prompt', 'name', NAME_CHARACTERS_MAX, (originalName, definition) => ({
    server,
    originalName,
    definition,
  }));
}

export function readResource(server: string, bytes: Buffer): ReadItem<ResourceEntry> {
  return read(bytes, 'resource', 'uri', URI_CHARACTERS_MAX, (uri, definition) => ({
    server,
    uri,
    definition,
  }));
}

export function readTemplate(server: string, bytes: Buffer): ReadItem<TemplateEntry> {
  return read(bytes, 'resource template', 'uriTemplate', URI_CHARACTERS_MAX, (uriTemplate, definition) => ({
    server,
    uriTemplate,
    definition,
    matches: templateMatcher(uriTemplate),
  }));
}

function read<T>(
  bytes: Buffer,
  what: string,
  member: string,
  charactersMax: number,
  make: (key: string, definition: JsonObject) => T,
): ReadItem<T> {
  let definition: JsonObject;
  try {
    definition = scanObject(bytes, 1);
  } catch (error) {
    if (error instanceof JsonSyntaxError)
      return { ok: false, reason: `a ${what} that is no object (${error.message})` };
    throw error;
  }
  const key = definition.string(member);
  if (key === undefined || key === '') return { ok: false, reason: `a ${what} without "${member}"` };
  if (key.length > charactersMax)
    return { ok: false, reason: `a ${what} whose "${member}" is longer than ${charactersMax} characters` };
  return { ok: true, key, item: make(key, definition) };
}
