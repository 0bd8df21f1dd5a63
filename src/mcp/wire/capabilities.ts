import type { JsonObject } from '../../core/json-scan.ts';
import { scanObject } from '../../core/json-scan.ts';

/** What a client said that it can do (2025-11-25, Lifecycle; 2026-07-28, `_meta` of each request). */
export interface ClientCapabilities {
  /** As the client wrote it: JSON text of an object. */
  readonly text: string;
  readonly sampling: boolean;
  readonly samplingTools: boolean;
  readonly form: boolean;
  readonly url: boolean;
  readonly roots: boolean;
}

export const NO_CAPABILITIES: ClientCapabilities = {
  text: '{}',
  sampling: false,
  samplingTools: false,
  form: false,
  url: false,
  roots: false,
};

/**
 * What the gateway declares to a server that it shares among clients: everything that some client may be able to do. Whoever is asked
 * and cannot do it says so then. Roots are declared without `listChanged`, since they differ from client to client.
 */
export const GATEWAY_CAPABILITIES =
  '{"elicitation":{"form":{},"url":{}},"sampling":{"tools":{},"context":{}},"roots":{},"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}}';

/** Reads the capabilities in `slice`, JSON text of an object. */
export function readCapabilities(slice: Buffer | string | undefined): ClientCapabilities {
  if (slice === undefined || slice.length <= 2) return NO_CAPABILITIES;
  const text = typeof slice === 'string' ? slice : slice.toString('utf8');
  if (!text.startsWith('{')) return NO_CAPABILITIES;
  const object = scanObject(Buffer.from(text), 3);
  const elicitation = object.child('elicitation');
  const sampling = object.child('sampling');
  return {
    text,
    sampling: sampling !== undefined,
    samplingTools: sampling?.has('tools') === true,
    // An empty object means forms: it is what revisions before URL mode sent.
    form: elicitation !== undefined && (elicitation.has('form') || !elicitation.has('url')),
    url: elicitation?.has('url') === true,
    roots: object.child('roots') !== undefined,
  };
}

/** Requests that a server may put to a client. */
export type QuestionMethod = 'elicitation/create' | 'sampling/createMessage' | 'roots/list';

export function isQuestion(method: string): method is QuestionMethod {
  return method === 'elicitation/create' || method === 'sampling/createMessage' || method === 'roots/list';
}

/**
 * What a client lacks for a question, as the capabilities object that would have to be declared (`data.requiredCapabilities` of -32021);
 * `undefined` when it can be asked.
 */
export function missingFor(
  method: QuestionMethod,
  params: JsonObject | undefined,
  capabilities: ClientCapabilities,
): Readonly<Record<string, unknown>> | undefined {
  switch (method) {
    case 'elicitation/create':
      if (params?.string('mode') === 'url')
        return capabilities.url ? undefined : { elicitation: { url: {} } };
      return capabilities.form ? undefined : { elicitation: {} };
    case 'sampling/createMessage':
      if (!capabilities.sampling) return { sampling: {} };
      return params?.has('tools') === true && !capabilities.samplingTools
        ? { sampling: { tools: {} } }
        : undefined;
    case 'roots/list':
      return capabilities.roots ? undefined : { roots: {} };
  }
}
