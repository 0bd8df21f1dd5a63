import { openRaw, type RawEvent } from '../raw-stream.ts';

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
  /** Resolves with the first event, come or to come, whose data contains `text`. Rejects when the answer ends without. */
  saw(text: string): Promise<TestEvent>;
  /** Resolves with the first comment of the stream. */
  commented(): Promise<void>;
  readonly ended: Promise<void>;
}

export interface RpcStreamOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly message?: unknown;
}

const asTest = ({ id, text }: RawEvent): TestEvent => ({ id, data: text });

/** Sends a request with a key, and reads its answer as it comes. Resolves when its head is there. */
export async function openRpc(url: string, key: string, options: RpcStreamOptions = {}): Promise<RpcStream> {
  const headers = { authorization: `Bearer ${key}`, ...options.headers };
  const stream = await openRaw(url, headers, options.message);
  return {
    status: stream.status,
    type: stream.headers['content-type'] ?? '',
    get events() {
      return stream.events.map(asTest);
    },
    get messages() {
      return stream.events
        .filter(({ text }) => text.startsWith('{'))
        .map(({ text }) => JSON.parse(text) as Readonly<Record<string, unknown>>);
    },
    saw: async (text) => asTest(await stream.saw(text)),
    commented: () => stream.until(({ comments }) => comments.length > 0),
    ended: stream.ended,
    [Symbol.dispose]: () => stream[Symbol.dispose](),
  };
}
