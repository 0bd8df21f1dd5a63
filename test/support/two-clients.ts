import { type Fields, type Question, RawClient, type RpcMessage } from './clients/raw-client.ts';
import type { Era } from './clients/whole-client.ts';

export const KEYS = { ann: 'sk-test-ann-0123456789abcdef', ben: 'sk-test-ben-0123456789abcdef' } as const;
export type Who = keyof typeof KEYS;
export const EVERYONE: readonly Who[] = ['ann', 'ben'];

/** Longer than any state takes to come about on a busy machine; who waits longer waits for what never comes. */
const STATE_MS = 15_000;
const STATE_IDS = 10_000;

/** Two clients with keys of their own, of the nonce tools of one server. */
export interface Two extends AsyncDisposable {
  readonly ann: RawClient;
  readonly ben: RawClient;
  /** Asks the server, through both, until its state fits: what is held and was cancelled of the calls whose nonces begin so. */
  stateThat(tag: string, fits: (state: State) => boolean): Promise<State>;
}

export interface State {
  readonly held: readonly string[];
  readonly cancelled: readonly string[];
  /** Processes of the server, one where it is shared. */
  readonly pids: readonly number[];
}

/** Connects both at `base` + `scope`, each in its era. */
export async function connectTwo(eras: readonly [Era, Era], base: string, scope: string): Promise<Two> {
  const capabilities = { elicitation: {}, sampling: {}, roots: {} };
  const open = (who: Who, era: Era) =>
    new RawClient(era, base, KEYS[who], scope, { capabilities, answer: answerAs(who) }).open();
  const [ann, ben] = await Promise.all([open('ann', eras[0]), open('ben', eras[1])]);
  let id = STATE_IDS;
  const read = async (client: RawClient): Promise<{ held: string[]; cancelled: string[]; pid: number }> =>
    JSON.parse(textOf(await client.call(++id, 'state', {}))) as never;
  return {
    ann,
    ben,
    stateThat: async (tag, fits) => {
      const giveUpAt = performance.now() + STATE_MS;
      for (;;) {
        const states = [await read(ann), await read(ben)];
        const merge = (of: 'held' | 'cancelled'): string[] =>
          [...new Set(states.flatMap((one) => one[of]))].filter((nonce) => nonce.startsWith(tag)).sort();
        const pids = [...new Set(states.map(({ pid }) => pid))];
        const state = { held: merge('held'), cancelled: merge('cancelled'), pids };
        if (fits(state)) return state;
        if (performance.now() > giveUpAt)
          throw new Error(`the server never came to that state, but stayed at ${JSON.stringify(state)}`);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([ann[Symbol.asyncDispose](), ben[Symbol.asyncDispose]()]);
    },
  };
}

/** The text of an answer, or what it is instead. */
export function textOf({ result, error }: RpcMessage): string {
  if (result === undefined) return `error ${error?.code}: ${error?.message}`;
  const { content } = result as { content?: readonly { readonly text: string }[] };
  return content?.map(({ text }) => text).join() ?? `no content: ${JSON.stringify(result)}`;
}

/** Each answers with its own name and what was asked, so that an answer tells who gave it to which question. */
function answerAs(who: Who): (question: Question) => Fields {
  return ({ method, params }) => {
    switch (method) {
      case 'elicitation/create':
        return { action: 'accept', content: { answer: `${who} to ${String(params['message'])}` } };
      case 'sampling/createMessage': {
        const [first] = params['messages'] as { content: { text: string } }[];
        const text = `${who} to ${first!.content.text}`;
        return { role: 'assistant', model: 'none', content: { type: 'text', text } };
      }
      default:
        return { roots: [{ uri: `file:///${who}` }] };
    }
  };
}
