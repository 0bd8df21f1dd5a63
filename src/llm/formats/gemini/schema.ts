import { isList, isObject } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';

const TYPES = new Set(['STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL']);
const COUNTS = new Set(['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties']);
/** What `Schema` of the API has, besides what is treated by name. */
const PLAIN = new Set(['title', 'description', 'pattern', 'minimum', 'maximum', 'default']);
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  string: ['enum', 'date-time'],
  number: ['float', 'double'],
  integer: ['int32', 'int64'],
};

/**
 * The API's own schema (a part of OpenAPI 3.0) as JSON schema: types in lower case, `nullable` as one more type, counts as numbers, properties
 * in the order that `propertyOrdering` gives. A JSON schema with types in upper case, as some clients send it, becomes a proper one.
 */
export function jsonSchemaOf(schema: JsonObject): JsonObject {
  const { nullable, propertyOrdering, example, type, ...rest } = schema;
  const result: Record<string, Json | undefined> = {};
  const name = typeof type === 'string' && TYPES.has(type) ? type.toLowerCase() : type;
  if (name !== undefined && name !== 'TYPE_UNSPECIFIED')
    result['type'] = nullable === true && typeof name === 'string' ? [name, 'null'] : name;
  for (const [key, value] of Object.entries(rest)) {
    if (COUNTS.has(key) && typeof value === 'string') result[key] = Number(value);
    else if (key === 'properties' || key === '$defs') result[key] = schemasOf(value, propertyOrdering);
    else if (key === 'items' || key === 'additionalProperties')
      result[key] = isObject(value) ? jsonSchemaOf(value) : value;
    else if (key === 'anyOf' || key === 'oneOf' || key === 'allOf' || key === 'prefixItems')
      result[key] = isList(value) ? value.map((one) => (isObject(one) ? jsonSchemaOf(one) : one)) : value;
    else result[key] = value;
  }
  if (nullable === true && name === undefined && isList(result['anyOf']))
    result['anyOf'] = [...result['anyOf'], { type: 'null' }];
  if (nullable === true && isList(result['enum'])) result['enum'] = [...result['enum'], null];
  if (example !== undefined) result['examples'] = [example];
  return result;
}

/** A JSON schema as the API's own, if that says all of it; else `undefined`. */
export function ownSchemaOf(schema: JsonObject): JsonObject | undefined {
  const result: Record<string, Json | undefined> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'type') {
      const isNullable = isList(value) && value.length === 2 && value[1] === 'null';
      const type = isNullable ? value[0] : value;
      if (typeof type !== 'string' || !TYPES.has(type.toUpperCase())) return undefined;
      result['type'] = type.toUpperCase();
      if (isNullable) result['nullable'] = true;
    } else if (key === 'enum') {
      const names = isList(value) && isNull(schema) ? value.filter((one) => one !== null) : value;
      if (!isList(names) || !names.every((one) => typeof one === 'string')) return undefined;
      result['enum'] = names;
    } else if (key === 'format') {
      const type = isList(schema['type']) ? schema['type'][0] : schema['type'];
      if (FORMATS[String(type)]?.includes(String(value)) !== true) return undefined;
      result['format'] = value;
    } else if (key === 'properties') {
      const properties = ownSchemasOf(value);
      if (properties === undefined) return undefined;
      result['properties'] = properties;
    } else if (key === 'items') {
      const items = isObject(value) ? ownSchemaOf(value) : undefined;
      if (items === undefined) return undefined;
      result['items'] = items;
    } else if (key === 'anyOf') {
      const branches = isList(value)
        ? value.map((one) => (isObject(one) ? ownSchemaOf(one) : undefined))
        : [undefined];
      if (branches.includes(undefined)) return undefined;
      result['anyOf'] = branches as readonly JsonObject[];
    } else if (key === 'examples' && isList(value) && value.length === 1) result['example'] = value[0];
    else if (COUNTS.has(key) || key === 'required' || PLAIN.has(key)) result[key] = value;
    else return undefined;
  }
  // The provider refuses types that say nothing, and objects without properties.
  if (result['type'] === undefined && result['anyOf'] === undefined) return undefined;
  if (result['type'] === 'ARRAY' && result['items'] === undefined) return undefined;
  return result['type'] === 'OBJECT' && result['properties'] === undefined ? undefined : result;
}

function isNull(schema: JsonObject): boolean {
  return isList(schema['type']) && schema['type'].includes('null');
}

function schemasOf(value: Json | undefined, order: Json | undefined): Json | undefined {
  if (!isObject(value)) return value;
  const first = isList(order)
    ? order.filter((name) => typeof name === 'string' && Object.hasOwn(value, name))
    : [];
  const names = new Set([...(first as string[]), ...Object.keys(value)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const one = value[name];
      return [name, isObject(one) ? jsonSchemaOf(one) : one];
    }),
  );
}

function ownSchemasOf(value: Json | undefined): JsonObject | undefined {
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length === 0) return undefined;
  const result: Record<string, JsonObject> = {};
  for (const [name, one] of entries) {
    const own = isObject(one) ? ownSchemaOf(one) : undefined;
    if (own === undefined) return undefined;
    result[name] = own;
  }
  return result;
}
