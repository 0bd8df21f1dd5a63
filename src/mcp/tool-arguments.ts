/** Arguments that a tool cannot use. The message names the argument; the model reads it and tries again. */
export class InvalidArguments extends Error {
  override readonly name = 'InvalidArguments';
}

/** The part of JSON Schema 2020-12 that arguments are checked against here; a tool checks what goes deeper. */
interface PropertySchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, PropertySchema>>;
  readonly required?: readonly string[];
}

type Arguments = Readonly<Record<string, unknown>>;

/**
 * Arguments checked against a tool's `inputSchema`, with defaults filled in. `null` counts as absent: many models send it for what they
 * leave out. Throws InvalidArguments.
 */
export function checkArguments(tool: string, inputSchema: Arguments, given: unknown): Arguments {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InvalidArguments(`"arguments" of ${tool} must be an object.`);
  }
  const { properties = {}, required = [] } = inputSchema as ObjectSchema;
  const known = Object.keys(properties).join(', ') || 'none';
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (property === undefined) {
      throw new InvalidArguments(`${tool} has no argument "${name.slice(0, 60)}". It takes: ${known}.`);
    }
    if (value === null) continue;
    const problem = problemOf(property, value);
    if (problem !== undefined) throw new InvalidArguments(`Argument "${name}" of ${tool} must ${problem}.`);
    checked[name] = value;
  }
  for (const name of required) {
    if (checked[name] === undefined) {
      throw new InvalidArguments(`Argument "${name}" of ${tool} is missing. It takes: ${known}.`);
    }
  }
  for (const [name, { default: value }] of Object.entries(properties)) {
    if (value !== undefined) checked[name] ??= value;
  }
  return checked;
}

function problemOf(property: PropertySchema, value: unknown): string | undefined {
  const { type, minimum, maximum, maxLength } = property;
  if (type !== undefined && !isOfType(value, type)) return `be of type ${type}`;
  if (property.enum !== undefined && !property.enum.includes(value)) {
    return `be one of: ${property.enum.join(', ')}`;
  }
  if (typeof value === 'number') {
    if (minimum !== undefined && value < minimum) return `be at least ${minimum}`;
    if (maximum !== undefined && value > maximum) return `be at most ${maximum}`;
  }
  if (typeof value === 'string' && maxLength !== undefined && value.length > maxLength) {
    return `have at most ${maxLength} characters`;
  }
  return undefined;
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'integer':
      return Number.isSafeInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}
