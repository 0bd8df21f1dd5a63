import { z } from 'zod';
import { DATA_ROUTES, type DataRoute } from './data-routes.ts';
import type { Operation } from './operation.ts';
import { OPERATIONS } from './operations.ts';

type Json = Record<string, unknown>;

/** Where schemas that have a name stand. */
const COMPONENTS = '#/components/schemas/';

/** The description of everything that is served (OpenAPI 3.1.1), made from the schemas that requests are checked with. */
export function openApiDocument(
  version: string,
): Json & { readonly paths: Record<string, Record<string, Json>> } {
  const named: Json = { Error: ERROR };
  const paths: Record<string, Record<string, Json>> = {};
  const add = (path: string, method: string, what: Json): void => {
    paths[path] = { ...paths[path], [method.toLowerCase()]: what };
  };
  for (const operation of OPERATIONS) {
    add(operation.path, operation.method, described(operation, named));
    for (const path of operation.also ?? [])
      add(path, operation.method, {
        ...described(operation, named),
        operationId: idOf(operation.method, path),
      });
  }
  for (const route of DATA_ROUTES) add(route.path, route.method, describedRoute(route));
  return {
    openapi: '3.1.1',
    info: {
      title: 'Lanport',
      version,
      description:
        'One port for every MCP tool and every model. Keys, users, teams and spend are managed as with LiteLLM.',
    },
    security: [{ bearer: [] }, { header: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'The master key or a virtual key.' },
        header: { type: 'apiKey', in: 'header', name: 'x-litellm-api-key' },
      },
      schemas: named,
      responses: {
        Error: {
          description: 'What is wrong',
          content: { 'application/json': { schema: { $ref: `${COMPONENTS}Error` } } },
        },
      },
    },
  };
}

const ERROR: Json = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        message: { type: 'string', description: 'What is wrong, and what to do.' },
        type: { type: 'string', description: "LiteLLM's word for the kind of error." },
        param: { type: ['string', 'null'], description: 'The field that is wrong.' },
        code: { type: 'string', description: 'The HTTP status.' },
        lanport: { type: 'string', description: 'The code of docs/reference/errors.md.' },
      },
      required: ['message', 'type', 'param', 'code'],
    },
    detail: {
      type: 'array',
      description: 'Of a request with problems (422): each of them.',
      items: {
        type: 'object',
        properties: { loc: { type: 'array' }, msg: { type: 'string' }, type: { type: 'string' } },
      },
    },
  },
  required: ['error'],
};

function described(operation: Operation, named: Json): Json {
  const { method, path, group, summary, who, query, body, answer } = operation;
  const isOpen = who === 'everybody';
  return {
    operationId: idOf(method, path),
    tags: [group],
    summary,
    description: `Takes ${WHO[who]}.`,
    ...(isOpen ? { security: [] } : {}),
    parameters: [...pathParameters(path), ...queryParameters(query, named)],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            content: {
              'application/json': { schema: schemaOf(body, 'input', named), ...exampleOf(operation) },
            },
          },
        }),
    responses: {
      200: {
        description: 'Done',
        content: { 'application/json': { schema: schemaOf(answer, 'output', named) } },
      },
      ...(isOpen ? {} : { 401: REFUSED, 403: REFUSED }),
      ...(body === undefined && query === undefined ? {} : { 422: REFUSED }),
      default: REFUSED,
    },
  };
}

const REFUSED: Json = { $ref: '#/components/responses/Error' };

/** Who may ask, to complete "takes …". */
export const WHO: Readonly<Record<Operation['who'], string>> = {
  everybody: 'no key',
  'any key': 'any key',
  'management key': 'the master key or a management key',
  'master key': 'the master key',
};

function exampleOf({ example }: Operation): Json {
  return example.body === undefined ? {} : { example: example.body };
}

function describedRoute({ method, path, group, summary, isOpen = false }: DataRoute): Json {
  return {
    operationId: idOf(method, path),
    tags: [group],
    summary,
    ...(isOpen ? { security: [{}, { bearer: [] }] } : {}),
    parameters: pathParameters(path),
    responses: { 200: { description: 'Done' }, default: { description: 'What is wrong' } },
  };
}

function idOf(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return [method.toLowerCase(), ...words].join('_');
}

function pathParameters(path: string): readonly Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(query: z.ZodType | undefined, named: Json): readonly Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query, 'input', named) as {
    readonly properties?: Readonly<Record<string, Json>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

/** A schema as JSON Schema 2020-12, which OpenAPI 3.1 takes; schemas with a name go to `named`. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', named: Json): Json {
  const made = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  const text = JSON.stringify(made).replaceAll('"#/$defs/', `"${COMPONENTS}`);
  const { $schema: _, $defs = {}, ...rest } = JSON.parse(text) as Json & { readonly $defs?: Json };
  for (const [name, one] of Object.entries($defs)) named[name] = withoutId(one as Json);
  if (typeof rest['id'] !== 'string') return rest;
  named[rest['id']] = withoutId(rest);
  return { $ref: `${COMPONENTS}${rest['id']}` };
}

function withoutId(schema: Json): Json {
  const { id: _, ...rest } = schema;
  return rest;
}
