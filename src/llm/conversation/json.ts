import type { Dropped } from './dropped.ts';
import type { FormatName } from './format-name.ts';
import type { Extras, Json, JsonObject } from './parts.ts';

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is readonly Json[] {
  return Array.isArray(value);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** The members of an object that are not among the known ones; `null` counts as absent. */
export function extrasOf(
  format: FormatName,
  object: JsonObject,
  known: ReadonlySet<string>,
): Extras | undefined {
  let members: Record<string, Json | undefined> | undefined;
  for (const key in object) {
    if (known.has(key) || object[key] === undefined || object[key] === null) continue;
    members ??= {};
    members[key] = object[key];
  }
  return members === undefined ? undefined : { format, members };
}

/** The members of extras for a format that writes its own back; those of other formats are reported under `path`. */
export function ownExtras(
  format: FormatName,
  extras: Extras | undefined,
  dropped: Dropped,
  path: string,
): JsonObject | undefined {
  if (extras === undefined) return undefined;
  if (extras.format === format) return extras.members;
  for (const key in extras.members) dropped.add(path === '' ? key : `${path}.${key}`);
  return undefined;
}

/** A number that JavaScript would not write as it was read: many digits, an exponent, or a fraction that ends in zero. */
const INEXACT_NUMBER = /\d{16}|\d[eE]|\.\d*0\D/;

const { rawJSON, isRawJSON } = JSON as unknown as {
  readonly rawJSON: (text: string) => Json;
  readonly isRawJSON: (value: unknown) => boolean;
};

/** JSON text as a value that says the same when it is written, numbers of any length included. Throws SyntaxError. */
export function parseExact(text: string): Json {
  if (!INEXACT_NUMBER.test(text)) return JSON.parse(text) as Json;
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
      ? rawJSON(context.source)
      : value,
  ) as Json;
}

/** A number that a double may not hold, behind what stands before numbers; a coarse look, made exact with each number. */
const LONG_NUMBER = /[\s[:,]-?(?:\d{16}|\d+\.\d{16}|[\d.]+[eE][+-]?\d{3})/;
const DECIMAL_DIGITS_MAX = 17;

/** Members whose values are somebody's own data, in requests and answers of all formats: inputs and results of tools, and schemas. */
const FREE: ReadonlySet<string> = new Set([
  'args',
  'arguments',
  'input',
  'input_schema',
  'parameters',
  'parametersJsonSchema',
  'parameters_json_schema',
  'response',
  'responseJsonSchema',
  'responseSchema',
  'response_json_schema',
  'response_schema',
  'schema',
]);

/**
 * The text of a request or an answer as a value, in which numbers that a double cannot hold stay what they are where they are a tool's or a schema's;
 * elsewhere they are doubles, so that who reads a member finds a number. Throws SyntaxError.
 */
export function parseBody(text: string): Json {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text) as Json;
  const value = JSON.parse(text, (_key, one: unknown, context?: { readonly source?: string }) =>
    typeof one === 'number' && context?.source !== undefined && isLost(one, context.source)
      ? rawJSON(context.source)
      : one,
  ) as Json;
  return withDoubles(value);
}

function isLost(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return true;
  if (/^-?\d+$/.test(source)) return !Number.isSafeInteger(value) && BigInt(source) !== BigInt(value);
  const digits = source.replace(/[eE].*$/, '').replaceAll(/\D|^-?0\.0*/g, '');
  return digits.length > DECIMAL_DIGITS_MAX || (value === 0 && /[1-9]/.test(digits));
}

/** Numbers as numbers, except in what is somebody's own. */
function withDoubles(value: Json): Json {
  if (isRawJSON(value)) return Number(JSON.stringify(value));
  if (Array.isArray(value)) return value.map(withDoubles);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      FREE.has(key) || one === undefined ? one : withDoubles(one),
    ]),
  );
}

/**
 * The input of a tool call, for formats in which it is an object. A model may have written text that is no JSON object, most often because it
 * was cut off; it goes under `malformed_input`, so that the tool's own check says what is missing and nothing is lost.
 */
export function inputObject(text: string): JsonObject {
  if (text.trim() === '') return {};
  try {
    const value = parseExact(text);
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  return { malformed_input: text };
}
