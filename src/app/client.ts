import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { HttpClient, type HttpFailure, parseTarget } from '../net/http-client.ts';
import { EXIT, StartupError } from './startup-error.ts';

export interface GatewayClientOptions {
  /** `http://127.0.0.1:4000` when absent. */
  readonly url?: string | undefined;
  readonly key?: string | undefined;
  readonly dataFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What the command line asks of a running gateway. */
export interface GatewayClient extends AsyncDisposable {
  get(path: string): Promise<unknown>;
  /** Without a body when it is `undefined`. */
  post(path: string, body?: unknown): Promise<unknown>;
  /** A body of any size. Its stream fails when the body does not come to its end. */
  download(path: string): Promise<Readable>;
  /** One JSON-RPC request to `/mcp`; its result. */
  rpc(method: string, params: Readonly<Record<string, unknown>>): Promise<unknown>;
}

const TIMEOUT_MS = 310_000;
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const STANDARD_URL = 'http://127.0.0.1:4000';

/**
 * Connects the command line to a running gateway; the key is the one given, of the environment, or of the data folder. Throws StartupError
 * when the address is none.
 */
export function connectGateway(options: GatewayClientOptions): GatewayClient {
  const base = addressOf(options);
  const key =
    options.key ??
    options.env['LANPORT_KEY'] ??
    options.env['LANPORT_MASTER_KEY'] ??
    options.env['LITELLM_MASTER_KEY'] ??
    keyInFolder(options.dataFolder);
  const http = new HttpClient();
  const send = async (method: 'GET' | 'POST', path: string, body: unknown): Promise<unknown> => {
    const headers: [string, string][] = [['Accept', 'application/json']];
    if (key !== undefined) headers.push(['Authorization', `Bearer ${key}`]);
    if (body !== undefined) headers.push(['Content-Type', 'application/json']);
    const { status, text } = await exchange(
      http,
      method,
      `${base}${path}`,
      headers,
      body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
    );
    const value = parse(text);
    if (status >= 400 && !isRpc(value))
      throw new StartupError(
        `the gateway at ${base} answered ${status}: ${messageOf(value) ?? text.slice(0, 200)}`,
        exitCodeOf(status),
      );
    return value;
  };
  return {
    get: (path) => send('GET', path, undefined),
    post: (path, body) => send('POST', path, body),
    download: (path) => download(http, `${base}${path}`, key),
    rpc: async (method, params) => {
      const answer = (await send('POST', '/mcp', { jsonrpc: '2.0', id: 1, method, params })) as {
        readonly result?: unknown;
        readonly error?: { readonly message?: string };
      };
      if (answer.error !== undefined)
        throw new StartupError(
          `the gateway refused ${method}: ${answer.error.message ?? 'without a reason'}`,
          EXIT.failed,
        );
      return answer.result;
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

/** The address without a slash at its end. What is wrong with it is said without it: it may carry a password. */
function addressOf({ url, env }: GatewayClientOptions): string {
  const text = url ?? env['LANPORT_URL'] ?? STANDARD_URL;
  const address = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = address?.protocol === 'http:' || address?.protocol === 'https:';
  if (address !== undefined && isHttp && address.username === '' && address.password === '')
    return text.replace(/\/+$/, '');
  throw new StartupError(
    `${url === undefined ? 'LANPORT_URL' : '--url'} is not the address of a gateway: it has the form ${STANDARD_URL}, with https:// where that is served, and without a user`,
    EXIT.configuration,
  );
}

function exitCodeOf(status: number): number {
  return status === 401 ? EXIT.unreachable : EXIT.failed;
}

function keyInFolder(folder: string): string | undefined {
  const path = join(folder, 'master.key');
  try {
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
  } catch {
    return undefined;
  }
}

function exchange(
  http: HttpClient,
  method: 'GET' | 'POST',
  url: string,
  headers: readonly [string, string][],
  body: Buffer | undefined,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    let status = 0;
    const chunks: Buffer[] = [];
    http.send(
      {
        target: parseTarget(url),
        method,
        headers,
        body,
        headTimeoutMs: TIMEOUT_MS,
        idleTimeoutMs: undefined,
        totalTimeoutMs: TIMEOUT_MS,
        bodyBytesMax: BODY_BYTES_MAX,
      },
      {
        onHead: (head) => {
          status = head.status;
        },
        onData: (chunk) => chunks.push(chunk),
        onEnd: () => resolve({ status, text: Buffer.concat(chunks).toString('utf8') }),
        onError: (failure: HttpFailure) => reject(unreachable(url, failure)),
      },
    );
  });
}

/** Longest that a download may stand still, in milliseconds. */
const STANDSTILL_MS = 120_000;

function download(http: HttpClient, url: string, key: string | undefined): Promise<Readable> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let refusal = '';
    const body = new Readable({
      read: () => handle?.resume(),
      destroy: (error, done) => {
        handle?.abort();
        done(error);
      },
    });
    const handle = http.send(
      {
        target: parseTarget(url),
        method: 'GET',
        headers: key === undefined ? [] : [['Authorization', `Bearer ${key}`]],
        body: undefined,
        headTimeoutMs: TIMEOUT_MS,
        idleTimeoutMs: STANDSTILL_MS,
        totalTimeoutMs: undefined,
        bodyBytesMax: Number.POSITIVE_INFINITY,
      },
      {
        onHead: (head) => {
          status = head.status;
          if (status === 200) resolve(body);
        },
        onData: (chunk) => {
          if (status !== 200) refusal += chunk.toString('utf8');
          else if (!body.push(chunk)) handle.pause();
        },
        onEnd: () => {
          if (status === 200) body.push(null);
          else
            reject(
              new StartupError(
                `the gateway answered ${status}: ${messageOf(parse(refusal)) ?? refusal.slice(0, 200)}`,
                exitCodeOf(status),
              ),
            );
        },
        onError: (failure: HttpFailure) => {
          if (status === 200)
            body.destroy(new Error(`the gateway broke off: ${failure.message}`, { cause: failure }));
          else reject(unreachable(url, failure));
        },
      },
    );
  });
}

function unreachable(url: string, failure: HttpFailure): StartupError {
  return new StartupError(
    `no gateway answers at ${new URL(url).origin}: ${failure.message}. Start it with: npm start (or give --url)`,
    EXIT.unreachable,
    failure,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isRpc(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'jsonrpc' in value;
}

function messageOf(value: unknown): string | undefined {
  const error = (value as { readonly error?: { readonly message?: string } } | undefined)?.error;
  return error?.message;
}
