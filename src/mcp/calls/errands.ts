import { randomUUID } from 'node:crypto';
import { Cancellation } from '../../core/cancellation.ts';
import { type ErrorCode, ERRORS, GatewayError } from '../../core/errors.ts';
import { ReplyStream } from '../downstream/reply-stream.ts';
import type { Neighbours } from '../mcp-ports.ts';
import { readMessage, type RpcReply, type RpcRequest } from '../wire/message.ts';
import type { Era } from '../wire/revisions.ts';
import type { OpenedState, ParkedCalls, Step } from './parked-calls.ts';

/** Milliseconds within which the gateway that has a parked call says so. */
const FOUND_MS = 1_500;
/** It says every so often that it still works on it, and is gone after that much silence. Milliseconds. */
const BEAT_MS = 2_000;
const SILENT_MS = 10_000;

type ParkedState = Extract<OpenedState, { kind: 'parked' }>;

/** What is said of one errand, by its ticket. */
type Word = { readonly t: string } & (
  | { readonly k: 'resume'; readonly i: string; readonly n: number; readonly m: string }
  | { readonly k: 'gave-up'; readonly why: string }
  | { readonly k: 'works' }
  | { readonly k: 'said'; readonly m: string }
  | { readonly k: 'replied'; readonly m: string; readonly era: Era }
  | { readonly k: 'asked'; readonly m: string }
  | { readonly k: 'failed'; readonly code: string; readonly facts: GatewayError['facts'] }
);

/** Where an errand's request came from. */
export interface ErrandFrom {
  readonly server: string;
  readonly stream: ReplyStream;
  readonly onStart: (cancellation: Cancellation) => void;
}

interface Errand {
  readonly stream: ReplyStream;
  readonly server: string;
  readonly resolve: (step: Step) => void;
  readonly reject: (error: Error) => void;
  silence: NodeJS.Timeout;
}

/** Continues calls that wait for their stateless client on another gateway: the client's next request came to this one. */
export class Errands implements Disposable {
  readonly #neighbours: Neighbours;
  readonly #parked: ParkedCalls;
  readonly #sent = new Map<string, Errand>();
  /** What others asked for, and this gateway works on. */
  readonly #taken = new Map<string, Cancellation>();
  readonly #stop: () => void;

  constructor(neighbours: Neighbours, parked: ParkedCalls) {
    this.#neighbours = neighbours;
    this.#parked = parked;
    this.#stop = neighbours.hear((word) => this.#hear(word));
  }

  /** Goes on with a call that is parked elsewhere. Rejects with `state-invalid` when nobody has it. */
  send(state: ParkedState, request: RpcRequest, from: ErrandFrom): Promise<Step> {
    const t = randomUUID();
    return new Promise<Step>((resolve, reject) => {
      const nobody = (): void => reject(new GatewayError('state-invalid'));
      this.#sent.set(t, { ...from, resolve, reject, silence: setTimeout(nobody, FOUND_MS).unref() });
      const cancellation = new Cancellation();
      cancellation.on((why) => this.#tell({ k: 'gave-up', t, why }));
      from.onStart(cancellation);
      if (!this.#tell({ k: 'resume', t, i: state.id, n: state.turn, m: textOf(request) })) nobody();
    }).finally(() => {
      clearTimeout(this.#sent.get(t)?.silence);
      this.#sent.delete(t);
    });
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #tell(word: Word): boolean {
    return this.#neighbours.tell(JSON.stringify(word));
  }

  #hear(text: string): void {
    let word: Word;
    try {
      word = JSON.parse(text) as Word;
    } catch {
      return;
    }
    if (word.k === 'resume') void this.#take(word);
    else if (word.k === 'gave-up') this.#taken.get(word.t)?.cancel(word.why);
    else this.#learn(word);
  }

  /** Does for another gateway what its client wants, when the call is here. Never rejects. */
  async #take({ t, i: id, n: turn, m }: Extract<Word, { k: 'resume' }>): Promise<void> {
    if (!this.#parked.has(id)) return;
    this.#tell({ k: 'works', t });
    const beat = setInterval(() => this.#tell({ k: 'works', t }), BEAT_MS).unref();
    const writer = {
      event: (said: Buffer) => this.#tell({ k: 'said', t, m: said.toString() }),
      isGone: false,
    };
    try {
      const request = readMessage(Buffer.from(m)) as RpcRequest;
      const stream = new ReplyStream(writer, undefined);
      const step = await this.#parked.resume({ kind: 'parked', id, turn }, request, stream, (caller) =>
        this.#taken.set(t, caller.cancellation),
      );
      if (step.kind === 'input') this.#tell({ k: 'asked', t, m: step.result.toString() });
      else this.#tell({ k: 'replied', t, m: textOf(step.reply.reply), era: step.reply.era });
    } catch (error) {
      const { code, facts } = error instanceof GatewayError ? error : new GatewayError('internal');
      this.#tell({ k: 'failed', t, code, facts });
    } finally {
      clearInterval(beat);
      this.#taken.delete(t);
    }
  }

  #learn(word: Word): void {
    const errand = this.#sent.get(word.t);
    if (errand === undefined) return;
    clearTimeout(errand.silence);
    const lost = (): void =>
      errand.reject(
        new GatewayError('call-lost', {
          server: errand.server,
          reason: 'the gateway that made it is gone',
        }),
      );
    errand.silence = setTimeout(lost, SILENT_MS).unref();
    switch (word.k) {
      case 'said':
        errand.stream.send(Buffer.from(word.m));
        return;
      case 'asked':
        errand.resolve({ kind: 'input', result: Buffer.from(word.m) });
        return;
      case 'replied':
        errand.resolve({ kind: 'reply', reply: { reply: readReply(word.m), era: word.era } });
        return;
      case 'failed':
        errand.reject(
          new GatewayError(word.code in ERRORS ? (word.code as ErrorCode) : 'internal', word.facts),
        );
        return;
      default:
    }
  }
}

function textOf({ object: { bytes, start, end } }: RpcRequest | RpcReply): string {
  return bytes.toString('utf8', start, end);
}

function readReply(text: string): RpcReply {
  return readMessage(Buffer.from(text)) as RpcReply;
}
