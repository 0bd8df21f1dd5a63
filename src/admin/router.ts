import { GatewayError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import type { Operation } from './operation.ts';
import type { Method } from './who.ts';
import { OPERATIONS } from './operations.ts';

/** What is served at a path: an operation for each method, and what stands in the path for its parameters. */
export interface AdminRoute {
  readonly operations: Readonly<Partial<Record<Method, Operation>>>;
  readonly params: Readonly<Record<string, string>>;
}

interface Pattern {
  readonly segments: readonly string[];
  readonly operations: Readonly<Partial<Record<Method, Operation>>>;
}

const PATTERNS: readonly Pattern[] = patternsOf(OPERATIONS);
const FIXED: ReadonlyMap<string, AdminRoute> = new Map(
  PATTERNS.filter(({ segments }) => !segments.some(isParameter)).map(({ segments, operations }) => [
    `/${segments.join('/')}`,
    { operations, params: {} },
  ]),
);
const WITH_PARAMETERS: readonly Pattern[] = PATTERNS.filter(({ segments }) => segments.some(isParameter));

/** The operations at a path (without a slash at its end); `undefined` where there is none. */
export function adminRoute(path: string): AdminRoute | undefined {
  const fixed = FIXED.get(path);
  if (fixed !== undefined) return fixed;
  const parts = path.slice(1).split('/');
  for (const { segments, operations } of WITH_PARAMETERS) {
    const params = match(segments, parts);
    if (params !== undefined) return { operations, params };
  }
  return undefined;
}

/** The refusal of a path that no operation has, where there are others beside it; `undefined` where there are none. */
export function operationUnknown(path: string): GatewayError | undefined {
  const near = PATTERNS.map(({ segments }) => segments).filter(([first]) => first === path.split('/')[1]);
  if (near.length === 0) return undefined;
  const found = nearest(
    path,
    near.map((segments) => `/${segments.join('/')}`),
  );
  return new GatewayError('operation-unknown', {
    path: path.slice(0, 200),
    hint: found === undefined ? '' : `Did you mean ${found}? `,
  });
}

function patternsOf(operations: readonly Operation[]): readonly Pattern[] {
  const byPath = new Map<string, Partial<Record<Method, Operation>>>();
  for (const operation of operations)
    for (const path of [operation.path, ...(operation.also ?? [])]) {
      const present = byPath.get(path) ?? {};
      if (present[operation.method] !== undefined)
        throw new Error(`${operation.method} ${path} is declared twice`);
      byPath.set(path, { ...present, [operation.method]: operation });
    }
  return [...byPath].map(([path, all]) => ({ segments: path.slice(1).split('/'), operations: all }));
}

function match(
  segments: readonly string[],
  parts: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (segments.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const part = parts[index]!;
    if (!isParameter(segment)) {
      if (segment !== part) return undefined;
    } else if (part === '') return undefined;
    else params[segment.slice(1, -1)] = decode(part);
  }
  return params;
}

function isParameter(segment: string): boolean {
  return segment.startsWith('{');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
