import type { Requirement } from './requirements.ts';
export const GATEWAY_PAINS = {} as const satisfies Record<string, Requirement>;
