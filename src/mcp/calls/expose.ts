import type { View } from '../catalog/view.ts';
import { rewriteStrings, type JsonPath } from '../wire/rewrite.ts';
import type { CallTarget } from './target.ts';

const CONTENT: readonly JsonPath[] = [
  ['content', '*', 'uri'],
  ['content', '*', 'resource', 'uri'],
];
const UI: readonly JsonPath[] = [
  ['_meta', 'ui', 'resourceUri'],
  ['_meta', 'ui/resourceUri'],
];

/** Where a result of each method names resources. */
const PATHS: Readonly<Record<string, readonly JsonPath[]>> = {
  'tools/call': [...CONTENT, ...UI],
  'prompts/get': [
    ['messages', '*', 'content', 'uri'],
    ['messages', '*', 'content', 'resource', 'uri'],
    ['messages', '*', 'content', '*', 'uri'],
    ['messages', '*', 'content', '*', 'resource', 'uri'],
  ],
  'resources/read': [['contents', '*', 'uri']],
  'tasks/result': CONTENT,
};

const URI = Buffer.from('"uri"');
const RESOURCE_URI = Buffer.from('esourceUri"');

/** A result with its server's URIs as the client of this view knows them; the very same bytes where none is another. */
export function exposeResult(result: Buffer, target: CallTarget, view: View): Buffer {
  if (!view.rewritesUris) return result;
  const paths = PATHS[target.method];
  if (paths === undefined || !(result.includes(URI) || result.includes(RESOURCE_URI))) return result;
  return rewriteStrings(result, paths, (uri) => view.exposeUri(target.server, uri));
}
