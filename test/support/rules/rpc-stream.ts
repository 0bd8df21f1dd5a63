import { request } from 'node:http';
import { createInterface } from 'node:readline';

export interface TestEvent {
  readonly id: string | undefined;
  readonly data: string;
}

/** An answer that is read event by event while it comes. */
export interface RpcStream extends Disposable {
  readonly status: number;
  readonly type: string;
  /** Events so far; a JSON answer counts as one. */
  readonly events: readonly TestEvent[];
  /** The messages in them so far. */
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  readonly comments: number;
  /** Resolves with the first event, come or to come, whose data contains `text`. Rejects when the answer ends without. */
  saw(text: string): Promise<TestEvent>;
  /** Resolves with the first comment of the stream. */
  commented(): Promise<void>;
  readonly ended: Promise<void>;
}

export interface RpcStreamOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message?: unknown;
}

/** Sends a request and reads its answer as it comes. Resolves when its head is there. */
export function openRpc(url: string, key: string, options: RpcStreamOptions = {}): Promise<RpcStream> {
  const body = options.message === undefined ? undefined : JSON.stringify(options.message);
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: options.method ?? (body === undefined ? 'GET' : 'POST'),
        agent: false,
        headers: {
          authorization: `Bearer ${key}`,
          accept: body === undefined ? 'text/event-stream' : 'application/json, text/event-stream',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
      },
      (response) => {
        const events: TestEvent[] = [];
        const waiting = new Set<() => void>();
        let comments = 0;
        let open = true;
        let id: string | undefined;
        const look = (): void => {
          for (const one of [...waiting]) one();
        };
        const type = response.headers['content-type'] ?? '';
        response.on('error', () => undefined);
        const lines = createInterface({ input: response });
        lines.on('error', () => undefined);
        lines.on('line', (line) => {
          if (line.startsWith(':')) comments++;
          else if (line.startsWith('id: ')) id = line.slice(4);
          else if (line.startsWith('data: ') || line === 'data:') {
            events.push({ id, data: line.slice(6) });
            id = undefined;
          } else if (!type.includes('event-stream') && line !== '') events.push({ id, data: line });
          look();
        });
        const ended = new Promise<void>((end) => {
          lines.once('close', () => {
            open = false;
            look();
            end();
          });
        });
        const until = <T>(find: () => T | undefined, what: string): Promise<T> =>
          new Promise((found, gone) => {
            const one = (): void => {
              const value = find();
              if (value === undefined && open) return;
              waiting.delete(one);
              if (value === undefined)
                gone(new Error(`the answer ended without ${what}: ${JSON.stringify(events)}`));
              else found(value);
            };
            waiting.add(one);
            one();
          });
        resolve({
          status: response.statusCode ?? 0,
          type,
          events,
          get messages() {
            return events
              .filter(({ data }) => data.startsWith('{'))
              .map(({ data }) => JSON.parse(data) as Readonly<Record<string, unknown>>);
          },
          get comments() {
            return comments;
          },
          saw: (text) => until(() => events.find(({ data }) => data.includes(text)), JSON.stringify(text)),
          commented: () => until(() => (comments > 0 ? true : undefined), 'a comment').then(() => undefined),
          ended,
          [Symbol.dispose]: () => void sent.destroy(),
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
