export type { ToolEntry } from './catalog/tool-entry.ts';
export type { Finding } from './upstream/finding.ts';
export type { ServerStatus } from './upstream/server-state.ts';
