import { setTimeout } from 'node:timers/promises';
import { isObject, parseBody } from '../conversation/json.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { Json, JsonObject } from '../conversation/parts.ts';
import { type LlmCall, readCall, valueOf } from '../llm-call.ts';
import type { ResponseStore, StoredResponse } from '../llm-ports.ts';
import type { ConnectionMemory } from './connection-memory.ts';
import { inputItems, outputItems } from './items.ts';

/** How long an answer can be referred to, in milliseconds: as long as OpenAI keeps them. */
const TTL_MS = 30 * 24 * 60 * 60_000;
const RETRY_MS = 2_000;
/** Milliseconds to wait before an answer of lately is looked for again, of which another process has not written down yet that it gave it. */
const LOOK_AGAIN_MS = [20, 60, 150, 300] as const;
/** Milliseconds since an answer began in which it may be written down only now. */
const LATELY_MS = 10 * 60_000;
/** Our ids: a UUID of version 7, which begins with the milliseconds since the Unix epoch, and a number where the request needed several. */
const OWN_ID = /^resp_([0-9a-f]{12})7[0-9a-f]{19}[0-9a-z]{0,4}$/;

/** What is kept of an answer. */
interface Kept {
  /** The response object as the client got it. */
  readonly response: JsonObject;
  /** What the model was given, as items, before the answer. */
  readonly input: readonly Json[];
  /** Whether its provider keeps it, too, and knows it by its id. */
  readonly isProviders?: boolean;
}

/**
 * The memory of Responses for every provider: `previous_response_id` becomes the conversation that it stands for, and answers are kept for that, per key
 * (OpenAI, "Conversation state").
 */
export class ResponseState {
  readonly #store: ResponseStore;
  readonly #now: () => number;
  /** Answers that their clients have already and the store does not yet: the next request may come first. */
  readonly #saving = new Map<string, { readonly row: StoredResponse; readonly saved: Promise<void> }>();

  /** `now`: milliseconds since the Unix epoch. */
  constructor(store: ResponseStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /**
   * The request with the conversation that it refers to in it. A reference to what the provider keeps is left as it is, and so is one that is not ours:
   * the provider may know it. `memory`: of the connection that the request came on.
   */
  async expand(call: LlmCall, keyId: string, memory?: ConnectionMemory): Promise<LlmCall> {
    const id = referenceOf(call);
    if (id === undefined) return call;
    const earlier = memory?.recall(id) ?? (await this.#conversation(id, keyId, false));
    return earlier === undefined ? call : withConversation(call, earlier);
  }

  /** The same for a provider that cannot know what another one keeps. */
  async expandAll(call: LlmCall, keyId: string): Promise<LlmCall> {
    const earlier = await this.#before(call, keyId);
    return earlier === undefined ? call : withConversation(call, earlier);
  }

  /** Keeps an answer that its client may refer to. `isProviders`: its provider does so, too, and was asked with the reference as it is. */
  async keep(call: LlmCall, response: JsonObject, keyId: string, isProviders = false): Promise<void> {
    const { id } = response;
    const source = valueOf(call);
    if (typeof id !== 'string' || source['store'] === false) return;
    const earlier = isProviders ? await this.#before(call, keyId) : undefined;
    const kept: Kept = {
      response,
      input: [...(earlier ?? []), ...inputItems(source['input'])],
      ...(isProviders ? { isProviders } : {}),
    };
    const row = { id, keyId, expiresAt: this.#now() + TTL_MS, payload: JSON.stringify(kept) };
    const saved = this.#store.save(row);
    this.#saving.set(id, { row, saved });
    try {
      await saved;
    } finally {
      this.#saving.delete(id);
    }
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

  /** The conversation that a request refers to. */
  async #before(call: LlmCall, keyId: string): Promise<readonly Json[] | undefined> {
    const id = referenceOf(call);
    return id === undefined ? undefined : this.#conversation(id, keyId, true);
  }

  /** `ofAll`: also where the provider knows it. */
  async #conversation(id: string, keyId: string, ofAll: boolean): Promise<readonly Json[] | undefined> {
    const kept = await this.#load(id, keyId);
    if (kept === undefined || (kept.isProviders === true && !ofAll)) return undefined;
    return [...kept.input, ...outputItems(kept.response['output'])];
  }

  async #load(id: string, keyId: string): Promise<Kept | undefined> {
    const row = this.#saving.get(id)?.row;
    const stored = row?.keyId === keyId ? row : await this.#find(id, keyId);
    return stored === undefined ? undefined : (parseBody(stored.payload) as unknown as Kept);
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

function referenceOf({ route, text }: LlmCall): string | undefined {
  return route.format === 'responses' ? text.string('previous_response_id') : undefined;
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
