import { type IncomingHttpHeaders, request } from 'node:http';
import { SseParser } from '../../src/net/sse-parser.ts';

export type Json = Readonly<Record<string, unknown>>;

/** One event as it came. */
export interface RawEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly text: string;
  /** `undefined` for an event without data. */
  readonly message: RawMessage | undefined;
}

export interface RawMessage {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Json;
  readonly result?: Json;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Json };
}

/** An answer that is read as it comes, with everything that came. JSON counts as one event, when all of it is there. */
export interface RawStream extends Disposable {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly isOpen: boolean;
  readonly events: readonly RawEvent[];
  readonly comments: readonly string[];
  /** Resolves when what came fits. Rejects when the stream ends before. */
  until(fits: (stream: RawStream) => boolean): Promise<void>;
  /** Resolves with the first event, come or to come, that contains `text`. Rejects when the stream ends before. */
  saw(text: string): Promise<RawEvent>;
  /** Resolves when the stream has ended, from whichever side. */
  readonly ended: Promise<void>;
  /** Stops reading, and goes on. */
  pause(): void;
  resume(): void;
}

/** Sends a request and reads its answer as events; resolves when the answer begins. */
export function openRaw(
  url: string,
  headers: Readonly<Record<string, string>>,
  message?: unknown,
): Promise<RawStream> {
  return new Promise((resolve, reject) => {
    const body = message === undefined ? undefined : JSON.stringify(message);
    const sent = request(
      url,
      {
        method: body === undefined ? 'GET' : 'POST',
        agent: false,
        headers: {
          accept: body === undefined ? 'text/event-stream' : 'application/json, text/event-stream',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
      },
      (response) => {
        const events: RawEvent[] = [];
        const comments: string[] = [];
        const waiting = new Set<() => void>();
        let open = true;
        const look = (): void => {
          for (const one of waiting) one();
        };
        const take = (text: string, id: string | undefined, event: string): void => {
          const isMessage = text.startsWith('{') || text.startsWith('[');
          const parsed = isMessage ? (JSON.parse(text) as RawMessage) : undefined;
          events.push({ id, event, text, message: parsed });
        };
        const isStream = response.headers['content-type']?.includes('text/event-stream') === true;
        const parser = new SseParser({
          eventBytesMax: 64 * 1024 * 1024,
          onEvent: ({ id, event, data }) => take(data.toString('utf8'), id, event),
          onComment: (text) => comments.push(text),
        });
        const chunks: Buffer[] = [];
        response.on('error', () => undefined);
        response.on('data', (chunk: Buffer) => {
          if (isStream) parser.push(chunk);
          else chunks.push(chunk);
          look();
        });
        response.on('end', () => {
          if (chunks.length > 0) take(Buffer.concat(chunks).toString('utf8'), undefined, 'message');
        });
        const ended = new Promise<void>((end) => {
          response.once('close', () => {
            open = false;
            look();
            end();
          });
        });
        const found = <T>(find: () => T | undefined): Promise<T> =>
          new Promise((there, gone) => {
            const one = (): void => {
              const value = find();
              if (value === undefined && open) return;
              waiting.delete(one);
              if (value === undefined) gone(new Error(`the stream ended with ${JSON.stringify(events)}`));
              else there(value);
            };
            waiting.add(one);
            one();
          });
        const stream: RawStream = {
          status: response.statusCode ?? 0,
          headers: response.headers,
          get isOpen() {
            return open;
          },
          events,
          comments,
          ended,
          until: async (fits) => void (await found(() => fits(stream) || undefined)),
          saw: (text) => found(() => events.find((event) => event.text.includes(text))),
          pause: () => void response.pause(),
          resume: () => void response.resume(),
          [Symbol.dispose]: () => void sent.destroy(),
        };
        resolve(stream);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What came on a stream and is a message. */
export function messagesOf(stream: RawStream): readonly RawMessage[] {
  return stream.events.map(({ message }) => message).filter((message) => message !== undefined);
}

/** The last event id that a client of this stream would know. */
export function lastIdOf(stream: RawStream): string {
  const id = stream.events.at(-1)?.id;
  if (id === undefined) throw new Error('the stream has no event with an id');
  return id;
}
