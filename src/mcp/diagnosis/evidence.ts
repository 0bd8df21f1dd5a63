import { HttpFailure, parseTarget, type ResponseHead } from '../../net/http-client.ts';
import type { ServerConfig } from '../mcp-ports.ts';
import { requestMessage } from '../wire/compose.ts';
import { LATEST_LEGACY } from '../wire/revisions.ts';
import type { DiagnoseDeps } from './diagnosis.ts';

const BODY_BYTES = 8 * 1024;
/** Milliseconds for the rest of an answer whose head is there. */
const BODY_MS = 1_500;
const CLOSE_MS = 2_000;

/** What one plain HTTP request met. */
export type Evidence =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: Readonly<Record<string, string | undefined>>;
      /** The beginning. */
      readonly body: string;
    }
  | {
      readonly kind: 'failure';
      /** Of the operating system or OpenSSL: `ECONNREFUSED`, `CERT_HAS_EXPIRED`. */
      readonly code: string | undefined;
      readonly failure: HttpFailure;
    }
  /** Connected, and nothing came. */
  | { readonly kind: 'hang' };

/**
 * Asks once more, plainly: what stands at this address? A POST of `initialize`, or for HTTP+SSE a GET. Rejects only
 * when `deps.signal` has given up.
 */
export async function gatherEvidence(
  config: ServerConfig,
  place: { readonly transport: 'http' | 'sse'; readonly url: string },
  deps: DiagnoseDeps,
): Promise<Evidence> {
  deps.signal.throwIfAborted();
  const own = Object.entries(config.headers).map(([name, value]) => [name, value.reveal()] as const);
  if (place.transport === 'sse')
    return exchange('GET', place.url, [['Accept', 'text/event-stream'], ...own], undefined, deps);
  const params = { protocolVersion: LATEST_LEGACY, capabilities: {}, clientInfo: deps.identity };
  const headers: readonly Header[] = [
    ['Content-Type', 'application/json'],
    ['Accept', 'application/json, text/event-stream'],
    ...own,
  ];
  const body = requestMessage(1, 'initialize', Buffer.from(JSON.stringify(params)));
  const evidence = await exchange('POST', place.url, headers, body, deps);
  const session = evidence.kind === 'answer' ? evidence.headers['mcp-session-id'] : undefined;
  if (session !== undefined)
    await exchange('DELETE', place.url, [['Mcp-Session-Id', session], ...own], undefined, {
      ...deps,
      attemptMs: CLOSE_MS,
    });
  return evidence;
}

type Header = readonly [name: string, value: string];

function exchange(
  method: 'GET' | 'POST' | 'DELETE',
  url: string,
  headers: readonly Header[],
  body: Buffer | undefined,
  deps: DiagnoseDeps,
): Promise<Evidence> {
  return new Promise((resolve) => {
    let head: ResponseHead | undefined;
    let text = '';
    let timer: NodeJS.Timeout | undefined;
    const answered = (): void => {
      clearTimeout(timer);
      deps.signal.removeEventListener('abort', giveUp);
      resolve({ kind: 'answer', status: head!.status, headers: head!.headers, body: text });
    };
    const failed = (failure: HttpFailure): void => {
      clearTimeout(timer);
      deps.signal.removeEventListener('abort', giveUp);
      resolve(
        failure.kind === 'timeout' && failure.delivered !== 'no'
          ? { kind: 'hang' }
          : { kind: 'failure', code: codeOf(failure), failure },
      );
    };
    const giveUp = (): void => {
      handle.abort();
      failed(new HttpFailure('aborted', 'the diagnosis was stopped', 'unknown'));
    };
    const handle = deps.http.send(
      {
        target: parseTarget(url),
        method,
        headers,
        body,
        headTimeoutMs: deps.attemptMs,
        idleTimeoutMs: undefined,
        totalTimeoutMs: undefined,
        bodyBytesMax: undefined,
      },
      {
        onHead: (received) => {
          head = received;
          // An event stream does not end; its beginning is enough.
          timer = setTimeout(() => {
            handle.abort();
            answered();
          }, BODY_MS);
        },
        onData: (chunk) => {
          if (text.length < BODY_BYTES) text += chunk.toString('utf8', 0, BODY_BYTES - text.length);
        },
        onEnd: answered,
        onError: (failure) => (head === undefined ? failed(failure) : answered()),
      },
    );
    deps.signal.addEventListener('abort', giveUp, { once: true });
  });
}

function codeOf(failure: HttpFailure): string | undefined {
  const code = (failure.cause as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
