export type { ServerStatus } from './upstream/server-state.ts';
