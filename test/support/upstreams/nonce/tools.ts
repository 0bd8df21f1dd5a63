import { appendFileSync } from 'node:fs';

export type Fields = Record<string, unknown>;

/** What a tool may do besides answering. */
export interface CallContext {
  /** Reports progress; without effect when the caller gave no token. */
  readonly progress: (progress: number, total: number, message: string) => void;
  /** Asks the client. Rejects with what it answered when that is an error. */
  readonly ask: (method: string, params: Fields) => Promise<Fields>;
  /** Aborted when the caller cancelled. */
  readonly signal: AbortSignal;
}

const NONCE = { nonce: { type: 'string' } };
const tool = (name: string, description: string, annotations?: Fields) => ({
  name,
  description,
  inputSchema: { type: 'object', properties: NONCE },
  ...(annotations === undefined ? {} : { annotations }),
});

/** Every call carries a nonce, and whatever comes of it carries the same, so that nothing can reach the wrong caller unseen. */
export const NONCE_TOOLS = [
  tool('echo', 'Reports `steps` progresses, then gives back its nonce.', { readOnlyHint: true }),
  tool('write', 'Takes effect: gives back its nonce, and may not be repeated.'),
  tool('hold', 'Answers when `release` is called or never when it is cancelled.'),
  tool('release', 'Lets every held call go.'),
  tool('state', 'Tells which calls are held and which were cancelled.', { readOnlyHint: true }),
  tool('ask', 'Elicits an answer and gives it back.'),
  tool('sample', 'Has a message sampled and gives it back.'),
  tool('roots', 'Asks for the roots and gives them back.'),
];

/** One process's state: what is held, what was cancelled, how slow it is. */
export class NonceTools {
  #slowMs = 0;
  readonly #held = new Map<string, () => void>();
  readonly #cancelled: string[] = [];
  readonly #effects: string | undefined;

  /** `effects` is a file to which the nonce of each call of `write` is appended before it is answered. */
  constructor(effects?: string) {
    this.#effects = effects;
  }

  /** Delays each call by so many milliseconds, for so many. */
  slowDown(slowMs: number, forMs: number): void {
    this.#slowMs = slowMs;
    setTimeout(() => {
      this.#slowMs = 0;
    }, forMs).unref();
  }

  /** The result of one call. Rejects when it was cancelled. */
  async run(name: string, args: Fields, context: CallContext): Promise<Fields> {
    const nonce = String(args['nonce'] ?? '');
    if (this.#slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#slowMs));
    switch (name) {
      case 'echo':
        return this.#echo(nonce, Number(args['steps'] ?? 0), context);
      case 'write':
        if (this.#effects !== undefined) appendFileSync(this.#effects, `${nonce}\n`);
        return text(nonce);
      case 'hold':
        return this.#hold(nonce, context.signal);
      case 'release':
        for (const release of this.#held.values()) release();
        return text(nonce);
      case 'state':
        return text(
          JSON.stringify({ held: [...this.#held.keys()], cancelled: this.#cancelled, pid: process.pid }),
        );
      case 'ask': {
        const { action, content } = await context.ask('elicitation/create', {
          message: nonce,
          requestedSchema: { type: 'object', properties: { answer: { type: 'string' } } },
        });
        return text(`${nonce} ${String(action)} ${String((content as Fields | undefined)?.['answer'])}`);
      }
      case 'sample': {
        const { content } = await context.ask('sampling/createMessage', {
          maxTokens: 10,
          messages: [{ role: 'user', content: { type: 'text', text: nonce } }],
        });
        return text(`${nonce} sampled ${String((content as Fields | undefined)?.['text'])}`);
      }
      case 'roots': {
        const { roots } = await context.ask('roots/list', {});
        return text(
          `${nonce} roots ${(roots as { uri: string }[] | undefined)?.map(({ uri }) => uri).join()}`,
        );
      }
      default:
        return { isError: true, content: [{ type: 'text', text: `there is no tool ${name}` }] };
    }
  }

  async #echo(nonce: string, steps: number, { progress }: CallContext): Promise<Fields> {
    for (let step = 1; step <= steps; step++) {
      progress(step, steps, `${nonce} ${step}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { ...text(nonce), structuredContent: { nonce, steps } };
  }

  #hold(nonce: string, signal: AbortSignal): Promise<Fields> {
    return new Promise((resolve, reject) => {
      this.#held.set(nonce, () => {
        this.#held.delete(nonce);
        resolve(text(nonce));
      });
      signal.addEventListener('abort', () => {
        if (!this.#held.delete(nonce)) return;
        this.#cancelled.push(nonce);
        reject(new Error('cancelled'));
      });
    });
  }
}

function text(value: string): Fields {
  return { content: [{ type: 'text', text: value }] };
}
