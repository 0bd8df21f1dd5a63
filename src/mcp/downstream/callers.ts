import { Cancellation } from '../../core/cancellation.ts';
import type { Caller, Question } from '../mcp-caller.ts';
import { type ClientCapabilities, NO_CAPABILITIES, readCapabilities } from '../wire/capabilities.ts';
import { META_CAPABILITIES, META_LOG_LEVEL } from '../wire/era.ts';
import { type LogLevel, logLevel } from '../wire/log-level.ts';
import { readMessage, type RpcReply, type RpcRequest } from '../wire/message.ts';
import { type JsonObject, scanObject } from '../../core/json-scan.ts';
import type { ClientQuestions } from './client-questions.ts';
import type { ReplyStream } from './reply-stream.ts';
import type { Session } from './sessions.ts';

/** What a server without a level set by the client is asked for: 2025-11-25 leaves it to the server. */
const LEVEL_UNSET: LogLevel = 'info';

/** A client of the handshake era: it can be asked at any moment, on its request's stream or on its session's. */
export class LegacyCaller implements Caller {
  readonly era = 'legacy';
  readonly principalId: string;
  readonly cancellation = new Cancellation();
  readonly #session: Session | undefined;
  readonly #request: RpcRequest;
  readonly #stream: ReplyStream;
  readonly #questions: ClientQuestions;

  constructor(
    principalId: string,
    session: Session | undefined,
    request: RpcRequest,
    stream: ReplyStream,
    questions: ClientQuestions,
  ) {
    this.principalId = principalId;
    this.#session = session;
    this.#request = request;
    this.#stream = stream;
    this.#questions = questions;
  }

  get conversation(): object {
    return this.#session ?? this;
  }

  get conversationId(): string {
    return this.#session?.id ?? this.principalId;
  }

  get afterwards(): ((message: Buffer) => void) | undefined {
    return afterwardsOf(this.#session);
  }

  get capabilities(): ClientCapabilities {
    return this.#session?.capabilities ?? NO_CAPABILITIES;
  }

  get progressToken(): Buffer | undefined {
    return progressTokenIn(this.#request.params?.child('_meta'));
  }

  get logLevel(): LogLevel | undefined {
    return this.#session?.logLevel ?? LEVEL_UNSET;
  }

  tell(message: Buffer): void {
    this.#stream.send(message);
  }

  ask(question: Question): Promise<RpcReply> {
    return this.#questions.ask(
      { principalId: this.principalId, session: this.#session },
      question,
      (message) => this.#stream.send(message),
    );
  }
}

/** A string or a number (2025-11-25, Progress); anything else asks for nothing. */
function progressTokenIn(meta: JsonObject | undefined): Buffer | undefined {
  const token = meta?.slice('progressToken');
  return token !== undefined && /^["\d-]/.test(token.toString('latin1', 0, 1)) ? token : undefined;
}

/** The member by which the answer to each kind of question is known. */
const KINDS = {
  'elicitation/create': 'action',
  'sampling/createMessage': 'role',
  'roots/list': 'roots',
} as const;

/** Whether the answer to a form has what the form asks for, and nothing else. */
function fitsSchema(answer: Buffer, params: Buffer | undefined): boolean {
  const schema = params === undefined ? undefined : scanObject(params, 3).child('requestedSchema');
  const content = scanObject(answer, 2).child('content');
  if (schema === undefined || content === undefined) return true;
  const properties = schema.child('properties');
  const needed = schema.value('required');
  return (
    content.keys.every((key) => properties?.has(key) === true) &&
    (!Array.isArray(needed) || needed.every((key) => content.has(String(key))))
  );
}

function asReply(result: Buffer): RpcReply {
  const head = Buffer.from('{"jsonrpc":"2.0","id":0,"result":');
  return readMessage(Buffer.concat([head, result, Buffer.from('}')])) as RpcReply;
}

/** The session's own way; made here so that it holds nothing else. */
function afterwardsOf(session: Session | undefined): ((message: Buffer) => void) | undefined {
  return session === undefined ? undefined : (message) => void session.say(message);
}

interface OpenQuestion {
  readonly question: Question;
  readonly resolve: (reply: RpcReply) => void;
}

/**
 * A client of the stateless era: a question becomes its answer (`input_required`), and its next request brings the reply. So the call
 * outlives the request that began it; `continueWith` hands it the next one.
 */
export class ModernCaller implements Caller {
  readonly era = 'modern';
  readonly principalId: string;
  readonly #questions = new Map<string, OpenQuestion>();
  #request: RpcRequest;
  #stream: ReplyStream | undefined;
  #cancellation = new Cancellation();
  /** Answers that came with the request before anything was asked. */
  #given = new Map<string, Buffer>();
  #onAsked: (() => void) | undefined;
  #capabilities: ClientCapabilities | undefined;

  constructor(principalId: string, request: RpcRequest, stream: ReplyStream) {
    this.principalId = principalId;
    this.#request = request;
    this.#stream = stream;
  }

  get conversation(): object {
    return this;
  }

  get conversationId(): string {
    return this.principalId;
  }

  get cancellation(): Cancellation {
    return this.#cancellation;
  }

  get afterwards(): undefined {
    return undefined;
  }

  get capabilities(): ClientCapabilities {
    this.#capabilities ??= readCapabilities(this.#meta?.slice(META_CAPABILITIES));
    return this.#capabilities;
  }

  get progressToken(): Buffer | undefined {
    return progressTokenIn(this.#meta);
  }

  get logLevel(): LogLevel | undefined {
    return logLevel(this.#meta?.string(META_LOG_LEVEL));
  }

  tell(message: Buffer): void {
    this.#stream?.send(message);
  }

  ask(question: Question): Promise<RpcReply> {
    const { key } = question;
    const given = this.#takeGiven(question);
    if (given !== undefined) return Promise.resolve(given);
    return new Promise((resolve, reject) => {
      const giveUp = (reason: string): void => {
        this.#questions.delete(key);
        reject(new Error(reason));
      };
      this.#questions.set(key, {
        question,
        resolve: (reply) => {
          question.cancellation.off(giveUp);
          resolve(reply);
        },
      });
      question.cancellation.on(giveUp);
      this.#onAsked?.();
    });
  }

  /** Calls `listener` when there are questions to pass on: at once when there are some already. */
  onAsked(listener: (() => void) | undefined): void {
    this.#onAsked = listener;
    if (listener !== undefined && this.#questions.size > 0) listener();
  }

  /** The request was answered with questions: until the next one there is nobody to tell anything. */
  park(): void {
    this.#onAsked = undefined;
    this.#stream = undefined;
  }

  /** The client is back with another request for the same call, and with replies as JSON text of an object. */
  continueWith(request: RpcRequest, stream: ReplyStream): void {
    this.#request = request;
    this.#stream = stream;
  }

  /** Whether a question is open. */
  get isAsked(): boolean {
    return this.#questions.size > 0;
  }

  /** JSON text of `inputRequests`. */
  inputRequests(): Buffer {
    const members = [...this.#questions].map(([key, { question }]) => {
      const params = question.params === undefined ? '' : `,"params":${question.params.toString('utf8')}`;
      return `${JSON.stringify(key)}:{"method":${JSON.stringify(question.method)}${params}}`;
    });
    return Buffer.from(`{${members.join(',')}}`);
  }

  /** Hands the replies in `responses` to the questions; those without one stay open. Returns how many were answered. */
  answer(responses: ReadonlyMap<string, Buffer>): number {
    let answered = 0;
    for (const [key, open] of [...this.#questions]) {
      const result = responses.get(key);
      if (result === undefined) continue;
      this.#questions.delete(key);
      answered++;
      open.resolve(asReply(result));
    }
    return answered;
  }

  /** Answers that the client sends along without having been asked in this call: it was asked before, in one that kept no state. */
  offer(responses: ReadonlyMap<string, Buffer>): void {
    this.#given = new Map(responses);
  }

  /** A sent-along answer to this question: that of its key, else the only one of its kind. */
  #takeGiven(question: Question): RpcReply | undefined {
    if (this.#given.size === 0) return undefined;
    const kind = KINDS[question.method];
    const fitting = [...this.#given].filter(
      ([, bytes]) => scanObject(bytes, 1).has(kind) && fitsSchema(bytes, question.params),
    );
    const taken =
      fitting.find(([key]) => key === question.key) ?? (fitting.length === 1 ? fitting[0] : undefined);
    if (taken === undefined) return undefined;
    this.#given.delete(taken[0]);
    return asReply(taken[1]);
  }

  get #meta() {
    return this.#request.params?.child('_meta');
  }
}
