import { setTimeout } from 'node:timers/promises';
import { isObject, parseBody } from '../conversation/json.ts';
import { LlmFailure, previousNotFound } from '../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../conversation/parts.ts';
import { type LlmCall, readCall, valueOf } from '../llm-call.ts';
import type { ResponseStore, StoredResponse } from '../llm-ports.ts';
import type { ConnectionMemory } from './connection-memory.ts';
import { inputItems, isUnreadable, outputItems } from './items.ts';

/** How long an answer can be referred to, in milliseconds: as long as OpenAI keeps them. */
const TTL_MS = 30 * 24 * 60 * 60_000;
const RETRY_MS = 2_000;
/** Milliseconds to wait before an answer of lately is looked for again, of which another process has not written down yet that it gave it. */
const LOOK_AGAIN_MS = [20, 60, 150, 300] as const;
/** Milliseconds since an answer began in which it may be written down only now. */
const LATELY_MS = 10 * 60_000;
/** Our ids: a UUID of version 7, which begins with the milliseconds since the Unix epoch, and a number where the request needed several. */
const OWN_ID = /^resp_([0-9a-f]{12})7[0-9a-f]{19}[0-9a-z]{0,4}$/;

/** Answers that may wait at once until the store has them, and their bytes with their conversations. */
const SAVING_MAX = 10_000;
const SAVING_BYTES_MAX = 128 * 1024 * 1024;

const PREVIOUS = 'previous_response_id';
/** Members of a request that stand for more than is in it. */
const ELSEWHERE: readonly string[] = [PREVIOUS, 'conversation', 'prompt'];

/** What is kept of an answer. */
interface Kept {
  /** The response object as the client got it. */
  readonly response: JsonObject;
  /** What the model was given, as items, before the answer. */
  readonly input: readonly Json[];
  /** Whether its provider keeps it, too, and knows it by its id. */
  readonly isProviders?: boolean;
  /** Whether the model was given more than `input`: what only its provider knows. */
  readonly isPartial?: boolean;
}

/** An answer that its client has already and the store does not yet. */
interface Saving {
  readonly keyId: string;
  readonly row: Promise<StoredResponse>;
  readonly saved: Promise<void>;
}

/** Who gave an answer: its provider, as it is; the gateway, out of what a provider said; or a mock, which reads nothing that OpenAI keeps. */
export type AnswerOrigin = 'provider' | 'gateway' | 'mock';

/**
 * The memory of Responses for every provider: `previous_response_id` becomes the conversation that it stands for, and answers are kept for that, per key
 * (OpenAI, "Conversation state").
 */
export class ResponseState {
  readonly #store: ResponseStore;
  readonly #now: () => number;
  readonly #savingBytesMax: number;
  /** By their ids: the next request may come first. */
  readonly #saving = new Map<string, Saving>();
  #savingCount = 0;
  #savingBytes = 0;

  /** `now`: milliseconds since the Unix epoch. `savingBytesMax`: of answers that wait for the store, in all. */
  constructor(store: ResponseStore, now: () => number, savingBytesMax = SAVING_BYTES_MAX) {
    this.#store = store;
    this.#now = now;
    this.#savingBytesMax = savingBytesMax;
  }

  /**
   * The request with the conversation that it refers to in it. A reference to what the provider keeps is left as it is, and so is one that nobody here
   * knows: the provider may. It does not tell our keys apart: rejects with LlmFailure where the answer is another key's. `memory`: of the connection that
   * the request came on.
   */
  async expand(call: LlmCall, keyId: string, memory?: ConnectionMemory): Promise<LlmCall> {
    const id = referenceOf(call);
    if (id === undefined) return call;
    const remembered = memory?.recall(id);
    if (remembered !== undefined) return withConversation(call, remembered);
    const kept = await this.#load(id, keyId);
    if (kept === undefined) {
      if (await this.#isOthers(id, keyId)) throw previousNotFound(id);
      return call;
    }
    if (kept.isPartial === true || kept.isProviders === true) return call;
    const earlier = conversationOf(kept);
    // What a provider has answered and not stored, no provider finds.
    return withConversation(call, OWN_ID.test(id) ? earlier : earlier.filter((item) => !isUnreadable(item)));
  }

  /**
   * The same for a provider that cannot know what another one keeps. `isElsewhere`: it speaks Responses, and thoughts that are kept at another account are
   * not to be looked for by their ids.
   */
  async expandAll(call: LlmCall, keyId: string, isElsewhere = false): Promise<LlmCall> {
    const earlier = await this.#before(call, keyId);
    if (earlier === undefined) return call;
    return withConversation(call, isElsewhere ? earlier.map(withoutLostId) : earlier);
  }

  /** Keeps an answer that its client may refer to. Rejects with an Error where too many wait for the store. */
  async keep(
    call: LlmCall,
    response: JsonObject,
    keyId: string,
    origin: AnswerOrigin = 'gateway',
  ): Promise<void> {
    const { id } = response;
    if (typeof id !== 'string' || valueOf(call)['store'] === false) return;
    let bytes = 0;
    let saving: Saving | undefined;
    const hold = (wanted: number): void => {
      this.#hold(wanted - bytes);
      bytes = wanted;
    };
    this.#savingCount += 1;
    try {
      hold(call.text.end - call.text.start);
      const row = this.#kept(call, response, keyId, origin).then((kept) => {
        const payload = JSON.stringify(kept);
        hold(Buffer.byteLength(payload));
        return { id, keyId, expiresAt: this.#now() + TTL_MS, payload };
      });
      saving = { keyId, row, saved: row.then((one) => this.#store.save(one)) };
      this.#saving.set(id, saving);
      await saving.saved;
    } finally {
      this.#savingCount -= 1;
      this.#savingBytes -= bytes;
      if (this.#saving.get(id) === saving) this.#saving.delete(id);
    }
  }

  /** What waits for the store stays in memory: a store that is slow must not fill it. One answer may always wait, however large. */
  #hold(bytes: number): void {
    const others = this.#savingCount - 1;
    if (others >= SAVING_MAX || (others > 0 && this.#savingBytes + bytes > this.#savingBytesMax))
      throw new Error(
        `${others} other answers wait for the database already, which is slow or away: no more than ${SAVING_MAX}, or ${this.#savingBytesMax} bytes, may`,
      );
    this.#savingBytes += bytes;
  }

  async #kept(call: LlmCall, response: JsonObject, keyId: string, origin: AnswerOrigin): Promise<Kept> {
    const source = valueOf(call);
    const earlier = origin === 'provider' ? await this.#before(call, keyId) : undefined;
    const names = origin === 'mock' ? [PREVIOUS] : ELSEWHERE;
    const isPartial = goesOnElsewhere(
      call,
      earlier === undefined ? names : names.filter((name) => name !== PREVIOUS),
    );
    return {
      response,
      input: [...(earlier ?? []), ...inputItems(source['input'])],
      // Many who speak Responses store nothing.
      ...(origin === 'provider' && response['store'] === true ? { isProviders: true } : {}),
      ...(isPartial ? { isPartial } : {}),
    };
  }

  /** The response object of an id. Rejects with LlmFailure. */
  async get(id: string, keyId: string): Promise<JsonObject> {
    const kept = await this.#load(id, keyId);
    if (kept === undefined) throw unknown(id);
    return kept.response;
  }

  /** The items that the model was given. Rejects with LlmFailure. */
  async inputItems(id: string, keyId: string): Promise<readonly Json[]> {
    const kept = await this.#load(id, keyId);
    if (kept === undefined) throw unknown(id);
    return kept.input.map((item, at) => (isObject(item) ? { id: `item_${id}_${at}`, ...item } : item));
  }

  /** Rejects with LlmFailure. */
  async remove(id: string, keyId: string): Promise<void> {
    await this.#saving.get(id)?.saved.catch(() => undefined);
    await this.#find(id, keyId);
    if (!(await this.#asked(this.#store.remove(id, keyId)))) throw unknown(id);
  }

  /** The conversation that a request refers to; `undefined` where not all of it is known here. */
  async #before(call: LlmCall, keyId: string): Promise<readonly Json[] | undefined> {
    const id = referenceOf(call);
    const kept = id === undefined ? undefined : await this.#load(id, keyId);
    return kept === undefined || kept.isPartial === true ? undefined : conversationOf(kept);
  }

  async #load(id: string, keyId: string): Promise<Kept | undefined> {
    const saving = this.#saving.get(id);
    const stored = saving?.keyId === keyId ? await this.#asked(saving.row) : await this.#find(id, keyId);
    return stored === undefined ? undefined : (parseBody(stored.payload) as unknown as Kept);
  }

  async #isOthers(id: string, keyId: string): Promise<boolean> {
    const saving = this.#saving.get(id);
    return (saving !== undefined && saving.keyId !== keyId) || this.#asked(this.#store.isOthers(id, keyId));
  }

  /** Clients have their answers before the store does, and may ask another process on the same store next. */
  async #find(id: string, keyId: string): Promise<StoredResponse | undefined> {
    const begun = Number.parseInt(OWN_ID.exec(id)?.[1] ?? '', 16);
    const waits = Math.abs(this.#now() - begun) < LATELY_MS ? LOOK_AGAIN_MS : [];
    for (const wait of waits) {
      const found = await this.#asked(this.#store.load(id, keyId));
      if (found !== undefined) return found;
      await setTimeout(wait);
    }
    return this.#asked(this.#store.load(id, keyId));
  }

  /** What the store says. Rejects with LlmFailure where it cannot. */
  async #asked<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw new LlmFailure(
        'overloaded',
        'The database that keeps answers cannot be reached now, so that an earlier one cannot be referred to. Try again in a moment.',
        { status: 503, code: 'state_unavailable', retryAfterMs: RETRY_MS, cause: error },
      );
    }
  }
}

/** Whether a request, with all in it that is known here, goes on with more: with what only its provider knows. */
export function goesOnElsewhere({ text }: LlmCall, names = ELSEWHERE): boolean {
  return names.some((name) => (text.slice(name)?.toString('latin1') ?? 'null') !== 'null');
}

function referenceOf({ route, text }: LlmCall): string | undefined {
  return route.format === 'responses' ? text.string(PREVIOUS) : undefined;
}

function conversationOf({ input, response }: Kept): readonly Json[] {
  return [...input, ...outputItems(response['output'])];
}

/** Without its id a thought that cannot be read is not looked for; its summary can still be told to those who speak another format. */
function withoutLostId(item: Json): Json {
  if (!isObject(item) || !isUnreadable(item)) return item;
  const { id: _, ...rest } = item;
  return rest;
}

function withConversation(call: LlmCall, earlier: readonly Json[]): LlmCall {
  const { previous_response_id: _, ...rest } = valueOf(call);
  const input = [...earlier, ...inputItems(rest['input'])];
  return readCall(call.route, Buffer.from(JSON.stringify({ ...rest, input })), call.headers);
}

function unknown(id: string): LlmFailure {
  return new LlmFailure(
    'not-found',
    `Response with id '${id.slice(0, 100)}' not found: it was never kept here for this key ("store": false?), was deleted, or is older than 30 days.`,
    { status: 404, param: 'response_id' },
  );
}
