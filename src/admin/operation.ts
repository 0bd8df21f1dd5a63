import type { z } from 'zod';
import type { AdminCaller, AdminDeps, AdminExchange, AdminPrincipal } from './admin-ports.ts';
import { checkInput, readBody } from './read-input.ts';
import type { Method, Reach, Who } from './who.ts';

/** Chapters of the reference. */
export const GROUPS = [
  'Keys',
  'Users',
  'Teams',
  'Spend',
  'Ledger',
  'MCP servers',
  'Tools that changed',
  'Gateway',
] as const;
export type Group = (typeof GROUPS)[number];

/** Names in braces of a path: `/key/{key}/regenerate` has `key`. */
type ParamsOf<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [name in Name]: string } & ParamsOf<Rest>
  : unknown;

/** What a handler is given: everything that was checked. */
export interface AdminRequest<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Whose key it is; of an operation for everybody, nobody's. */
  readonly principal: AdminPrincipal;
  /** How far the key reaches. */
  readonly reach: Reach;
  /** Who asked, for logs and records: `alias from address`. */
  readonly by: string;
  readonly caller: AdminCaller;
}

interface Described {
  readonly method: Method;
  /** With parameters in braces, each one segment. */
  readonly path: string;
  /** Other paths of the same operation, with the same parameters. */
  readonly also?: readonly string[];
  readonly who: Who;
  /** Whether the ledger gets a row of it. Without it: when it changes something, or reads the ledger. */
  readonly isRecorded?: boolean;
  readonly group: Group;
  /** One sentence for the reference. */
  readonly summary: string;
  readonly example: Example;
}

/** One request that works, for the reference and its curl line. */
export interface Example {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

interface Spec<Path extends string, Query extends z.ZodType, Body extends z.ZodType> extends Described {
  readonly path: Path;
  readonly query?: Query;
  readonly body?: Body;
  /** What it answers with 200. */
  readonly answer: z.ZodType;
  handle(request: AdminRequest<ParamsOf<Path>, z.output<Query>, z.output<Body>>, deps: AdminDeps): unknown;
}

/** An operation as the table has it. */
export interface Operation extends Described {
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
  readonly answer: z.ZodType;
  /** Checks query and body, then does it; what it answers. Throws GatewayError. */
  run(
    exchange: AdminExchange,
    asked: Pick<AdminRequest<unknown, unknown, unknown>, 'principal' | 'reach' | 'by' | 'caller'> & {
      readonly params: Readonly<Record<string, string>>;
    },
    deps: AdminDeps,
  ): Promise<unknown>;
}

/** Declares an operation: everything that there is to know of it stands in its file. */
export function operation<
  const Path extends string,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
>(spec: Spec<Path, Query, Body>): Operation {
  return {
    ...spec,
    query: spec.query,
    body: spec.body,
    run: async (exchange, asked, deps) => {
      const body = spec.body === undefined ? undefined : await readBody(exchange);
      const checked = checkInput({
        query: exchange.query,
        querySchema: spec.query,
        body,
        bodySchema: spec.body,
      });
      return spec.handle(
        {
          ...asked,
          params: asked.params as ParamsOf<Path>,
          query: checked.query as z.output<Query>,
          body: checked.body as z.output<Body>,
        },
        deps,
      );
    },
  };
}
