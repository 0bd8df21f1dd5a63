import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { TestGateway } from '../gateway.ts';
import type { Json, Message } from '../scripted/scripted-server.ts';

/** What comes back for one HTTP request, message by message. */
export interface RawAnswer extends Disposable {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** The messages so far, in order. */
  readonly messages: readonly Message[];
  /** Each message's text so far. */
  readonly texts: readonly string[];
  /** Resolves with the first message, come or to come, that fits. Rejects when the answer ends without it. */
  message(fits: (message: Message) => boolean): Promise<Message>;
  /** Resolves with the reply to the request. */
  reply(): Promise<Message>;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  /** Closes the connection, whatever is still to come. */
  close(): void;
}

/** One HTTP request; resolves with the head of its answer. */
export function rawRequest(
  url: string,
  method: 'GET' | 'POST' | 'DELETE',
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      const messages: Message[] = [];
      const texts: string[] = [];
      const waiting = new Set<() => void>();
      let open = true;
      const look = (): void => {
        for (const one of [...waiting]) one();
      };
      const take = (text: string): void => {
        if (!text.startsWith('{')) return;
        texts.push(text);
        messages.push(JSON.parse(text) as Message);
        look();
      };
      const isStream = response.headers['content-type']?.includes('text/event-stream') === true;
      // Either side may cut it; `ended` tells.
      response.on('error', () => undefined);
      const lines = createInterface({ input: response });
      lines.on('error', () => undefined);
      lines.on('line', (line) => take(isStream ? line.replace(/^data: /, '') : line));
      const ended = new Promise<void>((end) => {
        // Both: the lines are through, and no more can come.
        let left = 2;
        const one = (): void => {
          if (--left > 0) return;
          open = false;
          look();
          end();
        };
        lines.once('close', one);
        response.once('close', () => {
          if (!response.readableEnded) lines.close();
          one();
        });
      });
      const message: RawAnswer['message'] = (fits) =>
        new Promise((found, gone) => {
          const one = (): void => {
            const fit = messages.find(fits);
            if (fit === undefined && open) return;
            waiting.delete(one);
            if (fit !== undefined) found(fit);
            else
              gone(
                new Error(`it ended without it, after HTTP ${response.statusCode} and ${texts.join('\n')}`),
              );
          };
          waiting.add(one);
          one();
        });
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        messages,
        texts,
        message,
        reply: () => message((one) => one.method === undefined),
        ended,
        close: () => void sent.destroy(),
        [Symbol.dispose]: () => void sent.destroy(),
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const JSON_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
};

let lastId = 0;

export interface RawOptions {
  readonly key?: string;
  readonly scope?: string;
  readonly capabilities?: Json;
}

/** A client of the handshake era that says exactly what the test says. */
export class LegacyRaw {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  /** What the gateway said of itself. */
  readonly introduction: Json;

  private constructor(url: string, headers: Readonly<Record<string, string>>, introduction: Json) {
    this.#url = url;
    this.#headers = headers;
    this.introduction = introduction;
  }

  static async open(gateway: TestGateway, options: RawOptions = {}): Promise<LegacyRaw> {
    const url = `${gateway.url}${options.scope ?? '/mcp'}`;
    const headers = { ...JSON_HEADERS, authorization: `Bearer ${options.key ?? gateway.key}` };
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: options.capabilities ?? {},
      clientInfo: { name: 'raw', version: '1.0.0' },
    };
    const answer = await rawRequest(
      url,
      'POST',
      headers,
      messageText({ id: ++lastId, method: 'initialize', params }),
    );
    const { result } = await answer.reply();
    const session = {
      ...headers,
      'mcp-session-id': String(answer.headers['mcp-session-id']),
      'mcp-protocol-version': '2025-11-25',
    };
    const client = new LegacyRaw(url, session, result ?? {});
    await client.tell('notifications/initialized');
    return client;
  }

  /** Sends a request; resolves with the head of its answer. */
  send(method: string, params?: Json, id: string | number = ++lastId): Promise<RawAnswer> {
    return rawRequest(this.#url, 'POST', this.#headers, messageText({ id, method, params }));
  }

  /** Sends a request and waits for its reply. */
  async ask(method: string, params?: Json): Promise<Message> {
    return await (await this.send(method, params)).reply();
  }

  async tell(method: string, params?: Json): Promise<void> {
    await (await rawRequest(this.#url, 'POST', this.#headers, messageText({ method, params }))).ended;
  }

  /** Replies to a request of the gateway's. */
  async reply(id: string | number | undefined, outcome: Pick<Message, 'result' | 'error'>): Promise<void> {
    await (await rawRequest(this.#url, 'POST', this.#headers, messageText({ id, ...outcome }))).ended;
  }

  listen(): Promise<RawAnswer> {
    return rawRequest(this.#url, 'GET', { ...this.#headers, accept: 'text/event-stream' });
  }

  async end(): Promise<void> {
    await (await rawRequest(this.#url, 'DELETE', this.#headers)).ended;
  }
}

const META = 'io.modelcontextprotocol/';
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/cancel': 'taskId',
  'tasks/update': 'taskId',
};

/** A stateless client that says exactly what the test says. */
export class ModernRaw {
  readonly #url: string;
  readonly #key: string;
  readonly #capabilities: Json;

  constructor(gateway: TestGateway, options: RawOptions = {}) {
    this.#url = `${gateway.url}${options.scope ?? '/mcp'}`;
    this.#key = options.key ?? gateway.key;
    this.#capabilities = options.capabilities ?? {};
  }

  /** Sends a request; resolves with the head of its answer. `meta` goes into `_meta`. */
  send(
    method: string,
    params: Json = {},
    meta: Json = {},
    id: string | number = ++lastId,
  ): Promise<RawAnswer> {
    const name = params[NAMED[method] ?? ''];
    return rawRequest(
      this.#url,
      'POST',
      {
        ...JSON_HEADERS,
        authorization: `Bearer ${this.#key}`,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': method,
        ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
      },
      messageText({
        id,
        method,
        params: {
          ...params,
          _meta: {
            [`${META}protocolVersion`]: '2026-07-28',
            [`${META}clientCapabilities`]: this.#capabilities,
            [`${META}clientInfo`]: { name: 'raw', version: '1.0.0' },
            ...meta,
          },
        },
      }),
    );
  }

  /** Sends a request and waits for its reply. */
  async ask(method: string, params?: Json, meta?: Json): Promise<Message> {
    return await (await this.send(method, params, meta)).reply();
  }
}

function messageText(message: Json): string {
  return JSON.stringify({ jsonrpc: '2.0', ...message });
}
