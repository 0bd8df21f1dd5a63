import { z } from 'zod';
import { operation } from '../operation.ts';

/** `GET /openapi.json` */
export const describe = operation({
  method: 'GET',
  path: '/openapi.json',
  who: 'everybody',
  group: 'Gateway',
  summary: 'This description, as OpenAPI 3.1.',
  example: {},
  answer: z.looseObject({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }),
  handle: (_request, deps) => deps.description(),
});

/** `GET /routes` */
export const routes = operation({
  method: 'GET',
  path: '/routes',
  who: 'any key',
  group: 'Gateway',
  summary: 'Every path that is served, with its methods.',
  example: {},
  answer: z.object({
    routes: z.array(z.object({ path: z.string(), methods: z.array(z.string()), name: z.string() })),
  }),
  handle: (_request, deps) => ({
    routes: Object.entries(deps.description().paths).map(([path, methods]) => ({
      path,
      methods: Object.keys(methods).map((method) => method.toUpperCase()),
      name: Object.values(methods)[0]?.summary ?? '',
    })),
  }),
});
