import { encodeHeaderValue } from './header-value.ts';

/** One argument that a tool's schema asks to be mirrored into a header `Mcp-Param-{name}`. */
export interface ParamHeader {
  readonly name: string;
  /** Property names from the arguments' root down. */
  readonly path: readonly string[];
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const DEPTH_MAX = 16;

/**
 * The `x-mcp-header` annotations of a tool's input schema (2026-07-28, Tools, "Header parameters"). Annotations that break the
 * rules (not a token, not unique, not on a string, integer or boolean, not reachable through `properties`) make the tool invalid:
 * the reason is returned.
 */
export function readParamHeaders(
  inputSchema: unknown,
): { headers: readonly ParamHeader[] } | { invalid: string } {
  const headers: ParamHeader[] = [];
  const seen = new Set<string>();
  let invalid: string | undefined;
  let annotations = 0;
  const walk = (schema: unknown, path: readonly string[]): void => {
    if (!isRecord(schema) || path.length > DEPTH_MAX || !isRecord(schema['properties'])) return;
    for (const [key, property] of Object.entries(schema['properties'])) {
      if (!isRecord(property)) continue;
      const name = property['x-mcp-header'];
      if (name !== undefined) {
        annotations++;
        if (typeof name !== 'string' || !TOKEN.test(name))
          invalid ??= `x-mcp-header of "${key}" is not a header name`;
        else if (seen.has(name.toLowerCase())) invalid ??= `x-mcp-header "${name}" is used twice`;
        else if (!['string', 'integer', 'boolean'].includes(String(property['type'])))
          invalid ??= `x-mcp-header "${name}" is not on a string, integer or boolean`;
        else {
          seen.add(name.toLowerCase());
          headers.push({ name, path: [...path, key] });
        }
      }
      walk(property, [...path, key]);
    }
  };
  walk(inputSchema, []);
  const mentioned = countAnnotations(inputSchema, 0);
  if (invalid === undefined && mentioned > annotations)
    invalid = 'x-mcp-header stands where only "properties" chains may lead';
  return invalid === undefined ? { headers } : { invalid };
}

/** The headers for one call: name and encoded value of each annotated argument that is present. */
export function paramHeaders(annotated: readonly ParamHeader[], args: unknown): [string, string][] {
  const lines: [string, string][] = [];
  for (const { name, path } of annotated) {
    let value: unknown = args;
    for (const key of path) value = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      lines.push([`Mcp-Param-${name}`, encodeHeaderValue(String(value))]);
    }
  }
  return lines;
}

function countAnnotations(value: unknown, depth: number): number {
  if (depth > 64 || typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value))
    return value.reduce<number>((sum, item) => sum + countAnnotations(item, depth + 1), 0);
  let count = 0;
  for (const [key, item] of Object.entries(value)) {
    if (key === 'x-mcp-header' && typeof item === 'string') count++;
    else count += countAnnotations(item, depth + 1);
  }
  return count;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
