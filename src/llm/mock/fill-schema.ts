import type { Json, JsonObject } from '../conversation/parts.ts';

const DEPTH_MAX = 8;

/** A value that a JSON schema takes, with as little in it as it allows. `words`: what to say where any text is allowed. */
export function fillSchema(schema: JsonObject | undefined, words: string, depth = 0): Json {
  if (schema === undefined || depth > DEPTH_MAX) return {};
  const { default: fallback, const: only } = schema;
  if (fallback !== undefined) return fallback;
  if (only !== undefined) return only;
  const [choice] = list(schema['enum']);
  if (choice !== undefined) return choice;
  const [example] = list(schema['examples']);
  if (example !== undefined) return example;
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const [first] = list(schema[key]);
    if (isObject(first)) return fillSchema(first, words, depth + 1);
  }
  switch (typeOf(schema)) {
    case 'string':
      return words.slice(0, bound(schema['maxLength'], words.length));
    case 'integer':
    case 'number':
      return bound(schema['minimum'], 1);
    case 'boolean':
      return false;
    case 'null':
      return null;
    case 'array': {
      const { items } = schema;
      const count = bound(schema['minItems'], 0);
      return Array.from({ length: Math.min(count, 10) }, () =>
        fillSchema(isObject(items) ? items : undefined, words, depth + 1),
      );
    }
    default: {
      const { properties } = schema;
      const filled: Record<string, Json> = {};
      for (const name of list(schema['required']))
        if (typeof name === 'string') {
          const property = isObject(properties) ? properties[name] : undefined;
          filled[name] = fillSchema(isObject(property) ? property : { type: 'string' }, words, depth + 1);
        }
      return filled;
    }
  }
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
