export type { ToolEntry } from './catalog/tool-entry.ts';
export type { ServerStatus } from './upstream/server-state.ts';
