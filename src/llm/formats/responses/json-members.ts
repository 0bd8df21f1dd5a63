import { invalid } from '../../conversation/llm-failure.ts';
import type { Extras, Json, JsonObject } from '../../conversation/parts.ts';

/** A member that a body has, or may have. */
type Value = Json | undefined;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectOf(value: Value): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

export function listOf(value: Value): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

export function textOf(value: Value): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

export function numberOf(value: Value): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Members of a request's object, each of a type or absent; null is absent. Throws LlmFailure with `param` for a wrong type. */
export interface Members {
  readonly path: string;
  readonly value: JsonObject;
  text(name: string): string | undefined;
  number(name: string): number | undefined;
  flag(name: string): boolean | undefined;
  object(name: string): JsonObject | undefined;
  list(name: string): readonly Json[] | undefined;
  /** Like `text`, but it must be there. */
  needText(name: string): string;
  /** What is there beside `known` and nulls. */
  rest(known: readonly string[]): Record<string, Json>;
  /** The path of a member. */
  at(name: string): string;
}

/** `path`: of the object itself, empty for the request. */
export function membersOf(value: JsonObject, path: string): Members {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const wrong = (name: string, what: string): never => {
    throw invalid(`${at(name)} must be ${what}`, at(name));
  };
  const text = (name: string): string | undefined => {
    const member = value[name] ?? undefined;
    return member === undefined || typeof member === 'string' ? member : wrong(name, 'a string');
  };
  return {
    path,
    value,
    at,
    text,
    number(name) {
      const member = value[name] ?? undefined;
      return member === undefined || typeof member === 'number' ? member : wrong(name, 'a number');
    },
    flag(name) {
      const member = value[name] ?? undefined;
      return member === undefined || typeof member === 'boolean' ? member : wrong(name, 'true or false');
    },
    object(name) {
      const member = value[name] ?? undefined;
      return member === undefined || isObject(member) ? member : wrong(name, 'an object');
    },
    list(name) {
      const member = value[name] ?? undefined;
      return member === undefined || Array.isArray(member)
        ? (member as readonly Json[] | undefined)
        : wrong(name, 'a list');
    },
    needText: (name) => text(name) ?? wrong(name, 'a string'),
    rest(known) {
      const rest: Record<string, Json> = {};
      for (const [name, member] of Object.entries(value))
        if (member !== undefined && member !== null && !known.includes(name)) rest[name] = member;
      return rest;
    },
  };
}

/** `members` as this format's extras; `undefined` when there are none. */
export function extrasOf(members: Record<string, Json>): Extras | undefined {
  return Object.keys(members).length === 0 ? undefined : { format: 'responses', members };
}

/** This format's own extras, to be written back where they were. */
export function ownExtras(extras: Extras | undefined): JsonObject {
  return extras?.format === 'responses' ? extras.members : {};
}
