import type { Json, JsonObject } from '../conversation/parts.ts';

const DEPTH_MAX = 8;

/** A value that a JSON schema takes, with as little in it as it allows. `words`: what to say where any text is allowed. */
export function fillSchema(schema: JsonObject | undefined, words: string): Json {
  return fill(schema, words, schema, 0);
}

function fill(
  given: JsonObject | undefined,
  words: string,
  root: JsonObject | undefined,
  depth: number,
): Json {
  if (given === undefined || depth > DEPTH_MAX) return {};
  const schema = referred(given, root);
  const { default: fallback, const: only } = schema;
  if (fallback !== undefined) return fallback;
  if (only !== undefined) return only;
  const [choice] = list(schema['enum']);
  if (choice !== undefined) return choice;
  const [example] = list(schema['examples']);
  if (example !== undefined) return example;
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const [first] = list(schema[key]);
    if (isObject(first)) return fill(first, words, root, depth + 1);
  }
  switch (typeOf(schema)) {
    case 'string':
      return words
        .slice(0, bound(schema['maxLength'], words.length))
        .padEnd(bound(schema['minLength'], 0), '-');
    case 'integer':
    case 'number':
      return numberFor(schema);
    case 'boolean':
      return false;
    case 'null':
      return null;
    case 'array': {
      const { items } = schema;
      const count = bound(schema['minItems'], 0);
      return Array.from({ length: Math.min(count, 10) }, () =>
        fill(isObject(items) ? items : undefined, words, root, depth + 1),
      );
    }
    default: {
      const { properties } = schema;
      const filled: Record<string, Json> = {};
      for (const name of list(schema['required']))
        if (typeof name === 'string') {
          const property = isObject(properties) ? properties[name] : undefined;
          filled[name] = fill(isObject(property) ? property : { type: 'string' }, words, root, depth + 1);
        }
      return filled;
    }
  }
}

/** What a local `$ref` means (`#/$defs/…`). */
function referred(schema: JsonObject, root: JsonObject | undefined): JsonObject {
  const { $ref: reference } = schema;
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return schema;
  let at: Json | undefined = root;
  for (const part of reference.slice(2).split('/'))
    at = isObject(at) ? at[part.replaceAll('~1', '/').replaceAll('~0', '~')] : undefined;
  return isObject(at) ? at : schema;
}

/** One, or what is nearest to it. */
function numberFor(schema: JsonObject): number {
  const step = typeOf(schema) === 'integer' ? 1 : 0.5;
  const { exclusiveMinimum: above, exclusiveMaximum: below } = schema;
  const least = Math.max(
    bound(schema['minimum'], Number.NEGATIVE_INFINITY),
    typeof above === 'number' ? above + step : Number.NEGATIVE_INFINITY,
  );
  const most = Math.min(
    bound(schema['maximum'], Number.POSITIVE_INFINITY),
    typeof below === 'number' ? below - step : Number.POSITIVE_INFINITY,
  );
  return Math.max(least, Math.min(most, 1));
}

function typeOf(schema: JsonObject): string {
  const { type } = schema;
  const first = Array.isArray(type) ? type.find((one) => one !== 'null') : type;
  return typeof first === 'string'
    ? first.toLowerCase()
    : schema['properties'] === undefined
      ? 'string'
      : 'object';
}

function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bound(value: Json | undefined, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
