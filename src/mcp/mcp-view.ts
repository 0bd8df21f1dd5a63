export { exposedName } from './catalog/names.ts';
export type { ServerStatus } from './upstream/server-state.ts';
export type { ToolHistory, ToolVersion } from './catalog/tool-history.ts';
