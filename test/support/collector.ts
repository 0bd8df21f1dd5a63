import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** One span as a collector gets it (OTLP over HTTP, JSON encoding), with its attributes by name. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 2: error. */
  readonly status: number | undefined;
  readonly service: unknown;
}

export interface Collector extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Everything that it was sent, as text. */
  readonly text: string;
  readonly headers: readonly IncomingHttpHeaders[];
  /** Resolves with the spans when `fits` is true of them. */
  when(fits: (spans: readonly ReceivedSpan[]) => boolean): Promise<readonly ReceivedSpan[]>;
  /** Resolves with the next request, whatever is answered. */
  asked(): Promise<void>;
  /** What it does with requests from now on. */
  answer(how: 'takes' | 'refuses' | 'hangs'): void;
}

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly Value[] };
}
interface Pair {
  readonly key: string;
  readonly value: Value;
}
interface Message {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Pair[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly kind: number;
        readonly attributes: readonly Pair[];
        readonly status?: { readonly code?: number };
      }[];
    }[];
  }[];
}

/** A collector of traces on a real port. */
export async function startCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const texts: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const sockets = new Set<Socket>();
  const listeners = new Set<() => void>();
  const askers = new Set<() => void>();
  let how: Parameters<Collector['answer']>[0] = 'takes';
  const take = (text: string, response: ServerResponse): void => {
    for (const asker of [...askers]) asker();
    if (how === 'hangs') return;
    if (how === 'refuses') {
      response.writeHead(500).end();
      return;
    }
    texts.push(text);
    spans.push(...spansIn(JSON.parse(text) as Message));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    for (const listener of [...listeners]) listener();
  };
  const server = createServer((request, response) => {
    headers.push(request.headers);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/v1/traces' && request.headers['content-type'] === 'application/json')
        take(Buffer.concat(chunks).toString('utf8'), response);
      else response.writeHead(404).end();
    });
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    get text() {
      return texts.join('\n');
    },
    headers,
    when: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!fits(spans)) return;
          listeners.delete(look);
          resolve(spans);
        };
        listeners.add(look);
        look();
      }),
    asked: () =>
      new Promise((resolve) => {
        const asker = (): void => {
          askers.delete(asker);
          resolve();
        };
        askers.add(asker);
      }),
    answer: (next) => {
      how = next;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function spansIn(message: Message): ReceivedSpan[] {
  return message.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap((scope) =>
      scope.spans.map(({ traceId, spanId, parentSpanId, name, kind, attributes, status }) => ({
        traceId,
        spanId,
        parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
        name,
        kind,
        attributes: byName(attributes),
        status: status?.code,
        service: byName(resource.attributes)['service.name'],
      })),
    ),
  );
}

function byName(pairs: readonly Pair[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value)]));
}

function plain({ stringValue, intValue, doubleValue, boolValue, arrayValue }: Value): unknown {
  if (arrayValue !== undefined) return arrayValue.values.map(plain);
  return stringValue ?? (intValue === undefined ? undefined : Number(intValue)) ?? doubleValue ?? boolValue;
}
