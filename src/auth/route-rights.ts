import type { KeyType } from '../keys/keys-config.ts';

/**
 * Groups of routes as LiteLLM names them (litellm/proxy/_types.py, LiteLLMRoutes), with the paths that are served here; where models and tools are used is known of
 * the route itself. A path that ends in a star
 * stands for all that begin with what is before it.
 */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  llm_api_routes: [
    '/models',
    '/v1/models*',
    '/v1beta/models*',
    '/utils/token_counter',
    '/mcp-rest/*',
    '/v1/mcp/*',
  ],
  info_routes: [
    '/health',
    '/health/services',
    '/key/health',
    '/key/info',
    '/key/list',
    '/model/info',
    '/model_group/info',
    '/models',
    '/organization/list',
    '/team/available',
    '/team/info',
    '/team/list',
    '/user/filter/ui',
    '/user/info',
    '/v1/model/info',
    '/v1/models',
    '/v2/key/info',
    '/v2/model/info',
    '/v2/team/list',
    '/v2/user/info',
  ],
  management_routes: [
    '/key/*',
    '/v2/key/*',
    '/user/*',
    '/v2/user/*',
    '/team/*',
    '/v2/team/*',
    '/model/*',
    '/spend/logs*',
    '/global/spend*',
  ],
};

const OF_TYPE: Readonly<Record<KeyType, readonly string[]>> = {
  default: [],
  llm_api: ['llm_api_routes'],
  management: ['management_routes'],
  read_only: ['info_routes'],
};

const DATA_GROUP = 'llm_api_routes';

/** What a key may call: its own list, else what its type says; empty means everything. */
export function routesOf(key: {
  readonly keyType: KeyType;
  readonly allowedRoutes: readonly string[];
}): readonly string[] {
  return key.allowedRoutes.length > 0 ? key.allowedRoutes : OF_TYPE[key.keyType];
}

/** Whether one of the routes (groups, paths, paths with a star at the end) stands for a path. `isData`: models and tools are used there. */
export function allowsRoute(routes: readonly string[], path: string, isData: boolean): boolean {
  const plain = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  return routes.some((route) => {
    if (isData && route === DATA_GROUP) return true;
    const group = Object.hasOwn(GROUPS, route) ? GROUPS[route]! : [route];
    return group.some((one) => fits(one, plain));
  });
}

function fits(route: string, path: string): boolean {
  return route.endsWith('*') ? path.startsWith(route.slice(0, -1)) : route === path;
}
