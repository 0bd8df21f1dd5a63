import { ASKING_TOOLS } from './asking-tools.ts';
import { Changes } from './changes.ts';
import { PASSING_TOOL, plainTools } from './plain-tools.ts';
import { PASSING_PROMPT, PROMPTS } from './prompts.ts';
import { PASSING_RESOURCE, RESOURCES, readResource, TEMPLATES } from './resources.ts';
import { type Answer, type Feature, type Json, RpcError, type Turn } from './turn.ts';

/** Everything, or one of two halves that together are everything. */
export type Part = 'all' | 'a' | 'b';

/** What the fixture declares in every part and over every transport. */
export const CAPABILITIES = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  completions: {},
  logging: {},
};

export const INFO = { name: 'conformance-fixture', version: '1.0.0' };

const WORDS = ['paris', 'park', 'party', 'pastel'];

/** The features of one part, over which the SDKs of both eras are laid. */
export class Features {
  readonly changes = new Changes();
  readonly #tools: readonly Feature[];
  readonly #prompts: readonly Feature[];
  readonly #resources: typeof RESOURCES;
  readonly #templates: readonly Json[];

  constructor(part: Part) {
    const mine = <T>(all: readonly T[], first: 'a' | 'b' = 'a'): T[] =>
      all.filter((_, index) => part === 'all' || (index % 2 === 0) === (part === first));
    this.#tools = mine([...plainTools(this.changes), ...ASKING_TOOLS]);
    this.#prompts = mine(PROMPTS);
    this.#resources = mine(RESOURCES);
    // The one template is in the part that has fewer resources.
    this.#templates = mine(TEMPLATES, 'b');
  }

  tools(): Feature[] {
    return [...this.#tools, ...(this.changes.shown('tools') ? [PASSING_TOOL] : [])];
  }

  prompts(): Feature[] {
    return [...this.#prompts, ...(this.changes.shown('prompts') ? [PASSING_PROMPT] : [])];
  }

  /** The answer to each request that asks the client nothing, by its method. */
  answer(method: string, params: Json, era: 'legacy' | 'modern'): Json {
    const resources = [...this.#resources, ...(this.changes.shown('resources') ? [PASSING_RESOURCE] : [])];
    switch (method) {
      case 'tools/list':
        return { tools: this.tools().map(({ listed }) => listed) };
      case 'prompts/list':
        return { prompts: this.prompts().map(({ listed }) => listed) };
      case 'resources/list':
        return { resources: resources.map(({ listed }) => listed) };
      case 'resources/templates/list':
        return { resourceTemplates: this.#templates };
      case 'resources/read':
        return readResource(String(params['uri']), resources, this.#templates, era);
      case 'completion/complete': {
        const { value } = params['argument'] as { value: string };
        const values = WORDS.filter((word) => word.startsWith(value));
        return { completion: { values, total: values.length, hasMore: false } };
      }
      default:
        throw new RpcError(-32601, 'Method not found', { method });
    }
  }

  /** One round of a `tools/call` or `prompts/get`. */
  run(method: 'tools/call' | 'prompts/get', name: string, turn: Turn): Answer | Promise<Answer> {
    const all = method === 'tools/call' ? this.tools() : this.prompts();
    const feature = all.find(({ listed }) => listed.name === name);
    if (feature === undefined)
      throw new RpcError(-32602, `Unknown ${method === 'tools/call' ? 'tool' : 'prompt'}: ${name}`, { name });
    return feature.answer(turn);
  }
}

/** The requests that `answer` knows. */
export const PLAIN_METHODS = [
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
] as const;
