import { PIXEL } from './content.ts';
import { type Json, RpcError } from './turn.ts';

export const WATCHED = 'test://watched-resource';

/** What a modern server answers for a URI that it does not have; legacy revisions say -32002. */
export const NOT_FOUND = { modern: -32602, legacy: -32002 } as const;

interface Resource {
  readonly listed: { readonly uri: string } & Json;
  readonly contents: Json;
}

const TEMPLATE = 'test://template/{id}/data';
const TEMPLATE_URI = /^test:\/\/template\/([^/]+)\/data$/;

const plain = (uri: string, name: string, text: string): Resource => ({
  listed: { uri, name, description: `Conformance: ${name}.`, mimeType: 'text/plain' },
  contents: { uri, mimeType: 'text/plain', text },
});

export const RESOURCES: readonly Resource[] = [
  plain('test://static-text', 'static-text', 'This is the content of the static text resource.'),
  {
    listed: {
      uri: 'test://static-binary',
      name: 'static-binary',
      description: 'Conformance: static-binary.',
      mimeType: 'image/png',
    },
    contents: { uri: 'test://static-binary', mimeType: 'image/png', blob: PIXEL },
  },
  plain(WATCHED, 'watched-resource', 'This is what is watched.'),
];

/** The resource that is there only every other time that the list was changed. */
export const PASSING_RESOURCE = plain('test://passing', 'passing', 'Still here.');

export const TEMPLATES: readonly Json[] = [
  {
    uriTemplate: TEMPLATE,
    name: 'template',
    description: 'Conformance: a resource for each id.',
    mimeType: 'application/json',
  },
];

/** The contents of one URI out of these resources and templates. Throws the error that the era knows for an unknown URI. */
export function readResource(
  uri: string,
  resources: readonly Resource[],
  templates: readonly Json[],
  era: keyof typeof NOT_FOUND,
): Json {
  const found = resources.find((resource) => resource.listed.uri === uri);
  if (found !== undefined) return { contents: [found.contents] };
  const id = templates.length > 0 ? TEMPLATE_URI.exec(uri)?.[1] : undefined;
  if (id === undefined) throw new RpcError(NOT_FOUND[era], 'Resource not found', { uri });
  const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
  return { contents: [{ uri, mimeType: 'application/json', text }] };
}
