import {
  type Inbox,
  isModern,
  type Json,
  type Said,
  type ScriptedKind,
  SUBSCRIPTION,
} from './scripted-server.ts';

/** What a scripted server has; may be changed while it runs. */
export interface Offer {
  capabilities?: Json;
  tools?: readonly Json[];
  prompts?: readonly Json[];
  resources?: readonly Json[];
  templates?: readonly Json[];
  /** Items of each page; everything is on one without it. */
  pageSize?: number;
  /** What a stateless server says of how long its lists may be kept. */
  ttlMs?: number;
  instructions?: string;
}

const LISTS: Readonly<
  Record<string, readonly [member: string, key: 'tools' | 'prompts' | 'resources' | 'templates']>
> = {
  'tools/list': ['tools', 'tools'],
  'prompts/list': ['prompts', 'prompts'],
  'resources/list': ['resources', 'resources'],
  'resources/templates/list': ['resourceTemplates', 'templates'],
};

const EMPTY_ANSWER: ReadonlySet<string> = new Set([
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

const INFO = { name: 'scripted', version: '1.0.0' };

/** What a scripted server answers by itself: who it is, its lists page by page, and subscriptions. */
export class Catalogue {
  readonly #kind: ScriptedKind;
  readonly #offer: Offer;

  constructor(kind: ScriptedKind, offer: Offer) {
    this.#kind = kind;
    this.#offer = offer;
  }

  answer(said: Said, inbox: Inbox): void {
    const { method = '', id } = said.message;
    if (method === 'initialize' || method === 'server/discover') this.#introduce(said, method);
    else if (method in LISTS) this.#list(said, method);
    else if (EMPTY_ANSWER.has(method)) said.reply({});
    else if (method === 'subscriptions/listen') {
      inbox.listening.set(said, () => undefined);
      void said.closed.then(() => inbox.listening.delete(said));
      const notifications = said.message.params?.['notifications'];
      said.say({
        jsonrpc: '2.0',
        method: 'notifications/subscriptions/acknowledged',
        params: { notifications, _meta: { [SUBSCRIPTION]: id } },
      });
    }
  }

  #introduce(said: Said, method: string): void {
    const { capabilities = this.#capabilities(), instructions } = this.#offer;
    const more = instructions === undefined ? {} : { instructions };
    if (!isModern(this.#kind)) {
      if (method === 'initialize')
        said.reply({ protocolVersion: '2025-11-25', capabilities, serverInfo: INFO, ...more });
      else said.fail(-32601, 'Method not found');
    } else if (method === 'initialize') said.fail(-32022, 'Unsupported', { supported: ['2026-07-28'] });
    else
      said.reply({
        resultType: 'complete',
        supportedVersions: ['2026-07-28'],
        capabilities,
        ttlMs: 0,
        cacheScope: 'private',
        _meta: { 'io.modelcontextprotocol/serverInfo': INFO },
        ...more,
      });
  }

  #capabilities(): Json {
    const { prompts, resources, templates } = this.#offer;
    const change = { listChanged: true };
    return {
      tools: change,
      logging: {},
      completions: {},
      ...(prompts === undefined ? {} : { prompts: change }),
      ...(resources === undefined && templates === undefined
        ? {}
        : { resources: { ...change, subscribe: true } }),
    };
  }

  #list(said: Said, method: string): void {
    const [member, key] = LISTS[method]!;
    const all = this.#offer[key] ?? [];
    const size = this.#offer.pageSize ?? Number.POSITIVE_INFINITY;
    const cursor = said.message.params?.['cursor'];
    // The first cursor is the empty text: one that is easily taken for none.
    const page = cursor === undefined ? 0 : cursor === '' ? 1 : Number(cursor);
    const start = page === 0 ? 0 : page * size;
    const more = start + size < all.length;
    said.reply({
      ...(isModern(this.#kind)
        ? { resultType: 'complete', ttlMs: this.#offer.ttlMs ?? 0, cacheScope: 'private' }
        : {}),
      [member]: all.slice(start, start + size),
      ...(more ? { nextCursor: page === 0 ? '' : String(page + 1) } : {}),
    });
  }
}
