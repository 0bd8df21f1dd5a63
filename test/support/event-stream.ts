import { request } from 'node:http';
import { createInterface } from 'node:readline';

/** An open stream of server-sent events, read line by line. */
export interface TestStream extends Disposable {
  /** Resolves with the data of the first event, come or to come, that contains `text`. Rejects when the stream ends before. */
  saw(text: string): Promise<string>;
  /** Resolves when the gateway has ended the stream. */
  readonly ended: Promise<void>;
  readonly isOpen: boolean;
}

/** Opens an event stream with GET. Rejects with the status when there is none. */
export function openStream(url: string, headers: Readonly<Record<string, string>>): Promise<TestStream> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { headers: { accept: 'text/event-stream', ...headers }, agent: false },
      (response) => {
        if (response.statusCode !== 200) {
          response.resume();
          reject(new Error(`no stream: ${response.statusCode}`));
          return;
        }
        const events: string[] = [];
        const waiting = new Set<() => void>();
        let open = true;
        const look = (): void => {
          for (const one of waiting) one();
        };
        // Either side may cut it; `ended` tells.
        response.on('error', () => undefined);
        const lines = createInterface({ input: response });
        lines.on('error', () => undefined);
        lines.on('line', (line) => {
          if (!line.startsWith('data: ')) return;
          events.push(line.slice(6));
          look();
        });
        const ended = new Promise<void>((end) => {
          response.once('close', () => {
            open = false;
            look();
            end();
          });
        });
        resolve({
          ended,
          get isOpen() {
            return open;
          },
          saw: (text) =>
            new Promise((found, gone) => {
              const one = (): void => {
                const event = events.find((data) => data.includes(text));
                if (event === undefined && open) return;
                waiting.delete(one);
                if (event === undefined) gone(new Error(`the stream ended without "${text}"`));
                else found(event);
              };
              waiting.add(one);
              one();
            }),
          [Symbol.dispose]: () => void sent.destroy(),
        });
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}
