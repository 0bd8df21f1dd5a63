import type { z } from 'zod';
import { GatewayError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { showPath } from '../core/setting.ts';
import type { AdminExchange } from './admin-ports.ts';

/** One thing that is wrong with a request; as LiteLLM's (FastAPI's) `detail` names it. */
interface Problem {
  /** `body` or `query`, then the way to the field. */
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** How many problems are told at once; a body with more of them is no honest mistake. */
const PROBLEMS_MAX = 50;

/** The body as JSON; an empty one is an empty object. Throws `request-invalid`, `body-…`. */
export async function readBody(exchange: AdminExchange): Promise<unknown> {
  const text = (await exchange.body()).toString('utf8');
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new GatewayError('request-invalid', { reason: 'the body is not JSON' }, { cause: error });
  }
}

/** Checks query and body; every problem of both is told at once. Throws `input-invalid`. */
export function checkInput(input: {
  readonly query: string | undefined;
  readonly querySchema: z.ZodType | undefined;
  readonly body: unknown;
  readonly bodySchema: z.ZodType | undefined;
}): { readonly query: unknown; readonly body: unknown } {
  const problems: Problem[] = [];
  const check = (place: 'query' | 'body', schema: z.ZodType | undefined, value: unknown): unknown => {
    if (schema === undefined) return undefined;
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) problems.push(...problemsOf(place, issue, schema));
    return undefined;
  };
  const checked = {
    query: check('query', input.querySchema, valuesOf(input.query)),
    body: check('body', input.bodySchema, input.body),
  };
  if (problems.length === 0) return checked;
  throw invalidInput(problems.slice(0, PROBLEMS_MAX));
}

/** A refusal that names one field; for what a schema cannot say. */
export function invalidField(field: string, reason: string, place: 'body' | 'query' = 'body'): GatewayError {
  return invalidInput([{ loc: [place, field], msg: reason, type: 'value_error' }]);
}

function invalidInput(problems: readonly Problem[]): GatewayError {
  const text = problems.map(({ loc, msg }) => `${placeOf(loc)} ${msg}`).join('; ');
  return new GatewayError(
    'input-invalid',
    { problems: /[.?!]$/.test(text) ? text : `${text}.` },
    { data: { param: placeOf(problems[0]!.loc), detail: problems } },
  );
}

function placeOf([place, ...path]: readonly (string | number)[]): string {
  return path.length === 0 ? `the ${place}` : showPath(path);
}

function problemsOf(place: string, issue: z.core.$ZodIssue, schema: z.ZodType): readonly Problem[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code === 'unrecognized_keys') {
    const known = path.length === 0 ? namesOf(schema) : [];
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      return {
        loc: [place, ...path, key.slice(0, 100)],
        msg: `is not known here${near === undefined ? '' : `; did you mean ${near}?`}`,
        type: 'extra_forbidden',
      };
    });
  }
  // Of several forms, what is wrong with the one that was meant: the one whose outer type fits.
  const meant =
    issue.code === 'invalid_union'
      ? issue.errors.find((problems) =>
          problems.every((one) => one.path.length > 0 || one.code !== 'invalid_type'),
        )
      : undefined;
  if (meant !== undefined)
    return meant.flatMap((one) => problemsOf(place, { ...one, path: [...issue.path, ...one.path] }, schema));
  const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return [
    {
      loc: [place, ...path],
      msg: isMissing ? 'is missing' : sentence(issue),
      type: isMissing ? 'missing' : issue.code,
    },
  ];
}

function sentence(issue: z.core.$ZodIssue): string {
  const { message } = issue;
  // Sentences of the schemas here begin with a small letter, zod's own do not.
  if (/^[a-z]/.test(message)) return message;
  const expected = /^Invalid input: expected (\w+), received (\w+)$/.exec(message);
  if (expected?.[1] === 'int' && expected[2] === 'number') return `must be ${WORDS['int']!}`;
  if (expected !== null) return `must be ${WORDS[expected[1]!] ?? expected[1]!}, not ${expected[2]!}`;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}${unitOf(issue.origin)}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}${unitOf(issue.origin)}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_union') {
    const forms = issue.errors.flat().map((one) => (one.code === 'invalid_type' ? one.expected : 'other'));
    return `must be ${forms.map((form) => WORDS[form] ?? 'of another form').join(' or ')}`;
  }
  const [first = '', ...rest] = message;
  return first.toLowerCase() + rest.join('');
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' items long' : '';
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function namesOf(schema: z.ZodType): readonly string[] {
  const { shape } = schema as { readonly shape?: Readonly<Record<string, unknown>> };
  return Object.keys(shape ?? {});
}

/** A query as an object; what stands in it several times is a list. */
function valuesOf(query: string | undefined): Record<string, string | string[]> {
  const parameters = new URLSearchParams(query ?? '');
  return Object.fromEntries(
    [...new Set(parameters.keys())].map((name) => {
      const values = parameters.getAll(name);
      return [name, values.length === 1 ? values[0]! : values];
    }),
  );
}
