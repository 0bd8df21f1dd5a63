import { type Fields, NONCE_TOOLS, type NonceTools } from './tools.ts';

export type Id = string | number;

export interface Message {
  readonly jsonrpc: '2.0';
  readonly id?: Id;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: Fields;
}

/** Writes a message to the client; `related` is the request that it belongs to, by which HTTP finds the stream. */
export type Send = (message: Message, related?: Id) => void;

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const MODERN = '2026-07-28';
const INFO = { name: 'nonce', version: '1.0.0' };

const reply = (id: Id | undefined, result: Fields): Message => ({
  jsonrpc: '2.0',
  ...(id === undefined ? {} : { id }),
  result,
});
const refusal = (id: Id | undefined, code: number, message: string, data?: Fields): Message => ({
  jsonrpc: '2.0',
  ...(id === undefined ? {} : { id }),
  error: { code, message, ...(data === undefined ? {} : { data }) },
});

/** One client of a server of the legacy era (2024-11-05 to 2025-11-25): a handshake, then requests in both directions. */
export class LegacyPeer {
  readonly #tools: NonceTools;
  readonly #revision: string;
  readonly #send: Send;
  readonly #asked = new Map<Id, (answer: Message) => void>();
  readonly #running = new Map<Id, AbortController>();
  #asks = 0;

  constructor(tools: NonceTools, revision: string, send: Send) {
    this.#tools = tools;
    this.#revision = revision;
    this.#send = send;
  }

  receive(message: Message): void {
    const { id, method, params } = message;
    if (method === undefined) {
      this.#asked.get(id!)?.(message);
      this.#asked.delete(id!);
    } else if (method === 'notifications/cancelled') {
      this.#running.get(params?.['requestId'] as Id)?.abort();
    } else if (id !== undefined) this.#answer(id, method, params ?? {});
  }

  #answer(id: Id, method: string, params: Fields): void {
    switch (method) {
      case 'initialize':
        this.#send(
          reply(id, { protocolVersion: this.#revision, capabilities: { tools: {} }, serverInfo: INFO }),
          id,
        );
        return;
      case 'ping':
        this.#send(reply(id, {}), id);
        return;
      case 'tools/list':
        this.#send(reply(id, { tools: NONCE_TOOLS }), id);
        return;
      case 'tools/call':
        void this.#call(id, params);
        return;
      default:
        this.#send(refusal(id, -32601, `there is no method ${method}`), id);
    }
  }

  async #call(id: Id, params: Fields): Promise<void> {
    const running = new AbortController();
    this.#running.set(id, running);
    const token = (params['_meta'] as Fields | undefined)?.['progressToken'];
    try {
      const result = await this.#tools.run(String(params['name']), (params['arguments'] ?? {}) as Fields, {
        signal: running.signal,
        progress: (progress, total, message) => {
          if (token === undefined) return;
          const report = { progressToken: token, progress, total, message };
          this.#send({ jsonrpc: '2.0', method: 'notifications/progress', params: report }, id);
        },
        ask: (method, asked) => this.#ask(method, asked, id),
      });
      this.#send(reply(id, result), id);
    } catch (error) {
      if (!running.signal.aborted) this.#send(refusal(id, -32000, (error as Error).message), id);
    } finally {
      this.#running.delete(id);
    }
  }

  #ask(method: string, params: Fields, related: Id): Promise<Fields> {
    const id = `ask-${++this.#asks}`;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, ({ result, error }) => {
        if (result !== undefined) resolve(result);
        else reject(new Error(`the client refused ${method}: ${String(error?.['message'])}`));
      });
      this.#send({ jsonrpc: '2.0', id, method, params }, related);
    });
  }
}

class InputRequired extends Error {
  readonly requests: Fields;

  constructor(requests: Fields) {
    super('input required');
    this.requests = requests;
  }
}

/** A server of 2026-07-28: every request stands alone; what it wants to know it answers with `input_required`. */
export class ModernPeer {
  readonly #tools: NonceTools;
  readonly #running = new Map<Id, AbortController>();

  constructor(tools: NonceTools) {
    this.#tools = tools;
  }

  /** Takes one message. `signal` is aborted when the caller closes its stream, where there is one. */
  async receive(message: Message, send: Send, signal?: AbortSignal): Promise<void> {
    const { id, method, params } = message;
    if (method === 'notifications/cancelled') this.#running.get(params?.['requestId'] as Id)?.abort();
    if (id === undefined) return;
    const meta = (params?.['_meta'] ?? {}) as Fields;
    if (meta[VERSION] === undefined) {
      const data = { supported: [MODERN], requested: String(params?.['protocolVersion'] ?? 'none') };
      send(refusal(id, -32022, `this server speaks ${MODERN} only`, data), id);
      return;
    }
    const cached = { resultType: 'complete', ttlMs: 0, cacheScope: 'public' };
    if (method === 'server/discover')
      send(
        reply(id, {
          ...cached,
          supportedVersions: [MODERN],
          capabilities: { tools: {} },
          _meta: { 'io.modelcontextprotocol/serverInfo': INFO },
        }),
        id,
      );
    else if (method === 'tools/list') send(reply(id, { ...cached, tools: NONCE_TOOLS }), id);
    else if (method === 'tools/call') await this.#call(id, params!, meta['progressToken'], send, signal);
    else send(refusal(id, -32601, `there is no method ${String(method)}`), id);
  }

  async #call(
    id: Id,
    params: Fields,
    token: unknown,
    send: Send,
    gone: AbortSignal | undefined,
  ): Promise<void> {
    const running = new AbortController();
    gone?.addEventListener('abort', () => running.abort());
    this.#running.set(id, running);
    const args = (params['arguments'] ?? {}) as Fields;
    const state = `state of ${String(args['nonce'])}`;
    try {
      const result = await this.#tools.run(String(params['name']), args, {
        signal: running.signal,
        progress: (progress, total, message) => {
          if (token === undefined) return;
          const report = { progressToken: token, progress, total, message };
          send({ jsonrpc: '2.0', method: 'notifications/progress', params: report }, id);
        },
        ask: (method, asked) => {
          const answer = (params['inputResponses'] as Fields | undefined)?.['question'];
          if (answer === undefined) throw new InputRequired({ question: { method, params: asked } });
          if (params['requestState'] !== state)
            throw new Error(`wrong requestState for ${String(args['nonce'])}`);
          return Promise.resolve(answer as Fields);
        },
      });
      send(reply(id, { resultType: 'complete', ...result }), id);
    } catch (error) {
      if (error instanceof InputRequired)
        send(
          reply(id, { resultType: 'input_required', inputRequests: error.requests, requestState: state }),
          id,
        );
      else if (!running.signal.aborted) send(refusal(id, -32000, (error as Error).message), id);
    } finally {
      this.#running.delete(id);
    }
  }
}
