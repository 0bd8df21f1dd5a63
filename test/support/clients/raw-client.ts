import { Agent, type IncomingMessage, request } from 'node:http';
import type { Era } from './whole-client.ts';

export type Fields = Record<string, unknown>;
export type Id = string | number;

export interface RpcMessage {
  readonly id?: Id | null;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Fields };
}

/** A progress notification as it arrived; `via` is the call on whose stream it was, where it was on one. */
export interface SeenProgress {
  readonly token: unknown;
  readonly message: string;
  readonly via: Id | undefined;
}

/** What a server asked, and on which call's stream or result. */
export interface Question {
  readonly method: string;
  readonly params: Fields;
  readonly via: Id | undefined;
}

export interface RawClientOptions {
  readonly capabilities?: Fields;
  /** Gives the result for what a server asks. */
  readonly answer?: (question: Question) => Fields;
  readonly revision?: string;
}

/** The connection ended, or the gateway answered with an HTTP error, before there was an answer. */
export class NoAnswer extends Error {
  readonly status: number | undefined;
  readonly body: string;

  constructor(reason: string, status?: number, body = '') {
    super(status === undefined ? reason : `HTTP ${status}: ${body.slice(0, 300)}`);
    this.status = status;
    this.body = body;
  }
}

const META = 'io.modelcontextprotocol';
const MODERN = '2026-07-28';
const JSON_ACCEPT = 'application/json, text/event-stream';
/** Retries with answers get ids of their own, the same ones for every client. */
const RETRY_ID = 1_000_000;
/** What has no result after so many answers will have none. */
const ROUNDS_MAX = 5;

/** A client of streamable HTTP, of either era, that chooses its request ids and progress tokens itself and keeps all it is told. */
export class RawClient implements AsyncDisposable {
  readonly progress: SeenProgress[] = [];
  readonly questions: Question[] = [];
  /** Messages with an id that belongs to no call of this client. */
  readonly strays: RpcMessage[] = [];
  readonly #era: Era;
  readonly #url: string;
  readonly #key: string;
  readonly #options: RawClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  readonly #calls = new Map<Id, { close: () => void }>();
  #session: string | undefined;
  #closed = false;

  constructor(era: Era, base: string, key: string, scope: string, options: RawClientOptions = {}) {
    this.#era = era;
    this.#url = new URL(scope, base).href;
    this.#key = key;
    this.#options = options;
  }

  /** Opens the session of a legacy client, and its GET stream. */
  async open(): Promise<this> {
    if (this.#era === 'modern') return this;
    const { capabilities = {}, revision = '2025-11-25' } = this.#options;
    const clientInfo = { name: 'raw', version: '1' };
    await this.#request({
      id: 'initialize',
      method: 'initialize',
      params: { protocolVersion: revision, capabilities, clientInfo },
    });
    await this.#notify({ method: 'notifications/initialized' });
    this.#listen();
    return this;
  }

  async list(): Promise<string[]> {
    const { result, error } = await this.#request({ id: 'list', method: 'tools/list', params: {} });
    if (result === undefined) throw new NoAnswer(`tools/list: ${error?.message ?? 'nothing'}`);
    return (result['tools'] as { name: string }[]).map(({ name }) => name);
  }

  /** One call with this id; its progress token is the id too. Answers what it is asked until there is a result. */
  async call(id: Id, name: string, args: Fields, meta: Fields = {}): Promise<RpcMessage> {
    const params: Fields = { name, arguments: args, _meta: { progressToken: id, ...meta } };
    let message = await this.#request({ id, method: 'tools/call', params });
    for (let round = 1; message.result?.['resultType'] === 'input_required'; round++) {
      if (round > ROUNDS_MAX) throw new NoAnswer(`it was asked again after ${ROUNDS_MAX} answers`);
      const inputResponses: Fields = {};
      const asked = message.result['inputRequests'] as Record<string, { method: string; params: Fields }>;
      for (const [name_, question] of Object.entries(asked))
        inputResponses[name_] = this.#answer({ ...question, via: id });
      const requestState = message.result['requestState'];
      const retried = {
        ...params,
        inputResponses,
        ...(requestState === undefined ? {} : { requestState }),
      };
      const retryId = Number(id) + round * RETRY_ID;
      message = await this.#request({ id: retryId, method: 'tools/call', params: retried }, id);
    }
    return message;
  }

  /** Cancels a call as this era does: with a notification, or by closing the stream. */
  async cancel(id: Id): Promise<void> {
    if (this.#era === 'legacy')
      await this.#notify({
        method: 'notifications/cancelled',
        params: { requestId: id, reason: 'the test said so' },
      });
    else this.#calls.get(id)?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    if (this.#session !== undefined)
      await this.#send('DELETE', undefined, {}).catch((error: unknown) => {
        if (!(error instanceof NoAnswer)) throw error;
      });
    for (const { close } of this.#calls.values()) close();
    this.#agent.destroy();
  }

  #request(message: { id: Id; method: string; params: Fields }, call: Id = message.id): Promise<RpcMessage> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void): void => {
        this.#calls.delete(message.id);
        act();
      };
      const { body, headers } = this.#dress(message);
      const sent = this.#open('POST', headers, (response) => {
        const { statusCode = 0 } = response;
        this.#session ??= response.headers['mcp-session-id'] as string | undefined;
        const take = (received: RpcMessage): void => {
          if (received.method !== undefined) this.#receive(received, call);
          else if (received.id === message.id) finish(() => resolve(received));
          else this.strays.push(received);
        };
        if (response.headers['content-type']?.startsWith('text/event-stream') === true) {
          readEvents(response, take);
          response.once('close', () => finish(() => reject(new NoAnswer('the connection ended'))));
          return;
        }
        readText(response).then(
          (text) => {
            if (text.startsWith('{')) take(JSON.parse(text) as RpcMessage);
            finish(() => reject(new NoAnswer('no answer', statusCode, text)));
          },
          (error: unknown) => finish(() => reject(new NoAnswer(String(error)))),
        );
      });
      sent.on('error', (error) => finish(() => reject(new NoAnswer(String(error)))));
      this.#calls.set(message.id, { close: () => sent.destroy() });
      sent.end(body);
    });
  }

  #receive(message: RpcMessage, via: Id | undefined): void {
    if (message.method === 'notifications/progress') {
      const { progressToken, message: text } = message.params as { progressToken: unknown; message: string };
      this.progress.push({ token: progressToken, message: text, via });
    } else if (message.id !== undefined && message.id !== null) {
      const params = message.params ?? {};
      const answer =
        message.method === 'ping'
          ? { result: {} }
          : { result: this.#answer({ method: message.method!, params, via }) };
      this.#send('POST', { jsonrpc: '2.0', id: message.id, ...answer }, {}).catch((error: unknown) => {
        if (!this.#closed) this.strays.push({ error: { code: 0, message: String(error) } });
      });
    }
  }

  #answer(question: Question): Fields {
    this.questions.push(question);
    if (this.#options.answer === undefined) throw new Error(`nobody expected ${question.method}`);
    return this.#options.answer(question);
  }

  async #notify(message: { method: string; params?: Fields }): Promise<void> {
    await this.#send('POST', { jsonrpc: '2.0', ...message }, {});
  }

  /** The message as this era writes it. */
  #dress(message: { id: Id; method: string; params: Fields }): {
    body: string;
    headers: Record<string, string>;
  } {
    if (this.#era === 'legacy') return { body: JSON.stringify({ jsonrpc: '2.0', ...message }), headers: {} };
    const { capabilities = {} } = this.#options;
    const _meta = {
      [`${META}/protocolVersion`]: MODERN,
      [`${META}/clientCapabilities`]: capabilities,
      [`${META}/clientInfo`]: { name: 'raw', version: '1' },
      ...(message.params['_meta'] as Fields | undefined),
    };
    const name = message.params['name'];
    return {
      body: JSON.stringify({ jsonrpc: '2.0', ...message, params: { ...message.params, _meta } }),
      headers: {
        'mcp-protocol-version': MODERN,
        'mcp-method': message.method,
        ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
      },
    };
  }

  #open(
    method: string,
    headers: Record<string, string>,
    onResponse: (response: IncomingMessage) => void,
  ): ReturnType<typeof request> {
    const session = this.#session === undefined ? {} : { 'mcp-session-id': this.#session };
    const common = { authorization: `Bearer ${this.#key}`, accept: JSON_ACCEPT, ...session };
    const type = method === 'POST' ? { 'content-type': 'application/json' } : {};
    return request(
      this.#url,
      { method, agent: this.#agent, headers: { ...common, ...type, ...headers } },
      onResponse,
    );
  }

  async #send(method: string, message: unknown, headers: Record<string, string>): Promise<void> {
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const sent = this.#open(method, headers, (response) => {
        readText(response).then((body) => resolve({ status: response.statusCode ?? 0, text: body }), reject);
      });
      sent.on('error', (error) => reject(new NoAnswer(String(error))));
      sent.end(message === undefined ? undefined : JSON.stringify(message));
    });
    if (status >= 300) throw new NoAnswer('refused', status, text);
  }

  /** The stream on which a legacy server may speak at any time. */
  #listen(): void {
    const stream = this.#open('GET', { accept: 'text/event-stream' }, (response) => {
      if (response.statusCode === 200) readEvents(response, (message) => this.#receive(message, undefined));
      else response.resume();
    });
    stream.on('error', () => undefined);
    this.#calls.set('GET', { close: () => stream.destroy() });
    stream.end();
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Hands over each message of an event stream as it comes; events without data are none. */
function readEvents(response: IncomingMessage, take: (message: RpcMessage) => void): void {
  let text = '';
  response.setEncoding('utf8');
  response.on('error', () => undefined);
  response.on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = text
        .slice(0, end)
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
        .join('\n');
      text = text.slice(end + 2);
      if (data !== '') take(JSON.parse(data) as RpcMessage);
    }
  });
}
