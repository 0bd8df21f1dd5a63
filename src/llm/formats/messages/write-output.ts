import type { Dropped } from '../../conversation/dropped.ts';
import { isList, isObject } from '../../conversation/json.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import type { OutputShape } from '../../conversation/request.ts';

/** Keywords that the provider refuses in the schema of an answer. */
const REFUSED = new Set([
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'patternProperties',
  'not',
]);

/** The shape of the answer, as `output_config.format`; another format's schema loses what the provider would refuse it for. */
export function writeShape(
  shape: OutputShape | undefined,
  isOwn: boolean,
  dropped: Dropped,
): JsonObject | undefined {
  if (shape === undefined) return undefined;
  if (shape.kind === 'json') {
    dropped.add('response_format');
    return undefined;
  }
  const schema = isOwn ? shape.schema : (restricted(shape.schema, dropped) as JsonObject);
  return { type: 'json_schema', schema };
}

function restricted(schema: Json | undefined, dropped: Dropped): Json | undefined {
  if (isList(schema)) return schema.map((one) => restricted(one, dropped) ?? null);
  if (!isObject(schema)) return schema;
  const result: Record<string, Json | undefined> = {};
  for (const [name, value] of Object.entries(schema)) {
    if (REFUSED.has(name)) dropped.add(`response_format.schema.${name}`);
    else if (name === 'properties' || name === '$defs' || name === 'definitions') {
      result[name] = isObject(value)
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, restricted(one, dropped)]))
        : value;
    } else if (name === 'enum' || name === 'const' || name === 'default' || name === 'required')
      result[name] = value;
    else result[name] = restricted(value, dropped);
  }
  if (schema['type'] === 'object' && result['additionalProperties'] !== false) {
    if (schema['additionalProperties'] !== undefined)
      dropped.add('response_format.schema.additionalProperties');
    result['additionalProperties'] = false;
  }
  return result;
}
