import type { AnswerEvent, Stop, Usage } from '../../conversation/answer.ts';
import type { AnswerFacts, AnswerWriter } from '../../conversation/format.ts';
import type { LlmFailure } from '../../conversation/llm-failure.ts';
import type { JsonObject, Part } from '../../conversation/parts.ts';
import { CallItem } from './call-item.ts';
import { calledTools } from './call-names.ts';
import { foreignName } from './drop-names.ts';
import { responseError } from './errors.ts';
import { EventLines, memberText } from './event-lines.ts';
import { ownExtras, textOf } from './json-members.ts';
import { MessageItem } from './message-item.ts';
import { ItemPlace, type ItemStatus, type OutputItem, type PartStarted } from './output-item.ts';
import { partEvents } from './part-events.ts';
import { ReasoningItem, reasoningItem } from './reasoning-item.ts';
import { changingMembers, incompleteReason, repeatedMembers, type ResponseState } from './response-object.ts';
import { encodeSeal } from './seal-code.ts';
import { ServerCallItem } from './server-call-item.ts';
import { approvalItem, imageItem, serverToolsItem } from './write-input.ts';

const PING = Buffer.from(': ping\n\n');

/** Writes one answer, as events and as the response object that they lead to. */
export class ResponseWriter implements AnswerWriter {
  readonly #facts: AnswerFacts;
  readonly #lines: EventLines;
  readonly #tool: ReturnType<typeof calledTools>;
  readonly #repeated: JsonObject;
  /** JSON text of what is the same in every event that holds the response. */
  #repeatedText: string | undefined;
  #head: JsonObject | undefined;
  readonly #byPart = new Map<number, OutputItem>();
  /** Items that have not been finished: some part is open, or the next one may join them. */
  readonly #unfinished: OutputItem[] = [];
  /** Finished items, by their places. */
  readonly #output: JsonObject[] = [];
  readonly #ids = new Set<string>();
  #items = 0;
  #hasRefusal = false;
  #usage: Usage | undefined;
  #stop: Stop | undefined;
  #isOver = false;

  /** `isSilent`: only the response object is wanted. */
  constructor(facts: AnswerFacts, isSilent = false) {
    this.#facts = facts;
    this.#lines = new EventLines(isSilent);
    this.#tool = calledTools(facts.request);
    this.#repeated = repeatedMembers(facts.source);
  }

  write(event: AnswerEvent): Buffer {
    if (!this.#isOver) this.#take(event);
    return this.#lines.take();
  }

  fail(failure: LlmFailure): Buffer {
    if (this.#isOver) return Buffer.alloc(0);
    this.#isOver = true;
    this.#begin('', 0);
    const error = responseError(failure);
    const param = failure.param ?? null;
    this.#lines.add('error', memberText({ ...error, param, error: { type: error.code, ...error, param } }));
    this.#tell('response.failed', { status: 'failed', output: this.#finished(), usage: this.#usage, error });
    return this.#lines.take();
  }

  ping(): Buffer {
    return PING;
  }

  /** The response as it is at its end. */
  response(): JsonObject {
    return { ...this.#head, ...changingMembers(this.#lastState()), ...this.#repeated };
  }

  #take(event: AnswerEvent): void {
    switch (event.kind) {
      case 'start':
        this.#begin(event.id, event.createdAt);
        return;
      case 'part-start':
        this.#begin('', 0);
        this.#startPart(event);
        return;
      case 'text':
      case 'input':
      case 'result':
      case 'seal':
      case 'citation':
      case 'logprobs':
        this.#byPart.get(event.at)?.take(event);
        return;
      case 'part-end': {
        const item = this.#byPart.get(event.at);
        item?.take(event);
        // Its outcome is known, and what comes next may take a while.
        if (item instanceof ServerCallItem) this.#finish(item, 'completed');
        return;
      }
      case 'usage':
        this.#usage = event.usage;
        return;
      case 'stop':
        this.#stop = event.stop;
        return;
      case 'end':
        this.#end();
        return;
      case 'ping':
    }
  }

  #begin(id: string, createdAt: number): void {
    if (this.#head !== undefined) return;
    const { newId, model } = this.#facts;
    this.#head = {
      id: id.startsWith('resp_') ? id : newId('resp_'),
      object: 'response',
      created_at: createdAt > 0 ? createdAt : this.#nowSeconds(),
      model,
    };
    this.#tell('response.created', { status: 'in_progress', output: [] });
    this.#tell('response.in_progress', { status: 'in_progress', output: [] });
  }

  /** The big part of a response, what it repeats, is put into text once. */
  #tell(type: string, state: ResponseState): void {
    this.#repeatedText ??= memberText(this.#repeated);
    const changing = memberText({ ...this.#head, ...changingMembers(state) });
    this.#lines.add(type, `"response":{${changing},${this.#repeatedText}}`);
  }

  #startPart(started: PartStarted): void {
    const last = this.#unfinished.at(-1);
    if (last?.joins(started) === true) {
      this.#byPart.set(started.at, last);
      last.start(started);
    } else {
      this.#finishSettled('completed');
      this.#open(started);
    }
    if (started.part.kind === 'refusal') this.#hasRefusal = true;
  }

  #open(started: PartStarted): void {
    const { part, itemId, extras } = started;
    const { dropped } = this.#facts;
    switch (part.kind) {
      case 'text':
      case 'refusal':
        this.#add(started, new MessageItem(this.#place('msg_', itemId), itemId, extras, dropped));
        return;
      case 'thinking':
        this.#add(started, new ReasoningItem(this.#place('rs_', itemId), itemId));
        return;
      case 'tool-call': {
        const tool = this.#tool(part.name, part.namespace);
        const isFreeform = tool.isFreeform || part.isFreeform === true;
        const place = this.#place(isFreeform ? 'ctc_' : 'fc_', itemId);
        const callId = part.id === '' ? this.#facts.newId('call_') : part.id;
        this.#add(started, new CallItem(place, callId, { ...tool, isFreeform }, started));
        return;
      }
      case 'server-call': {
        const place = this.#place('mcp_', part.id);
        this.#add(
          started,
          new ServerCallItem(place, { ...part, input: '', output: undefined, extras }, dropped),
        );
        return;
      }
      case 'whole':
        this.#addWhole(part.part, started.at);
    }
  }

  #add(started: PartStarted, item: OutputItem): void {
    this.#byPart.set(started.at, item);
    this.#unfinished.push(item);
    item.start(started);
  }

  /** `given`: an id that the item has already; ids must differ from each other and begin as this format's do. */
  #place(prefix: string, given: string | undefined): ItemPlace {
    const isGood = given?.startsWith(prefix) === true && !this.#ids.has(given);
    const id = isGood ? given : this.#facts.newId(prefix);
    this.#ids.add(id);
    return new ItemPlace(this.#lines, id, this.#items++);
  }

  #addWhole(part: Part, at: number): void {
    switch (part.kind) {
      case 'server-tools': {
        const place = this.#place('mcpl_', part.id);
        const item = { ...serverToolsItem(part), id: place.id };
        place.added({ ...item, tools: [] });
        place.add('response.mcp_list_tools.in_progress');
        place.add(`response.mcp_list_tools.${part.error === undefined ? 'completed' : 'failed'}`);
        this.#putDone(place, item);
        return;
      }
      case 'approval-request':
        this.#putWhole(this.#place('mcpr_', part.id), approvalItem(part));
        return;
      case 'image': {
        if (part.source.kind !== 'base64') break;
        const format = { output_format: part.source.mediaType.replace('image/', '') };
        const place = this.#place('ig_', part.itemId);
        this.#putWhole(
          place,
          imageItem(place.id, part.source.data, { ...format, ...ownExtras(part.extras) }),
        );
        return;
      }
      case 'foreign':
        if (part.format !== 'responses') {
          this.#facts.dropped.add(foreignName(part.format, part.value));
          return;
        }
        this.#putWhole(this.#place('', textOf(part.value['id'])), part.value);
        return;
      case 'text':
      case 'refusal':
      case 'thinking':
      case 'tool-call':
      case 'server-call':
        for (const event of partEvents(part, at)) this.#take(event);
        return;
      case 'audio':
      case 'video':
      case 'document':
      case 'tool-result':
      case 'approval':
    }
    this.#facts.dropped.add(`answer.${part.kind}`);
  }

  #putWhole(place: ItemPlace, item: JsonObject): void {
    const whole = { ...item, id: place.id };
    place.added(whole);
    this.#putDone(place, whole);
  }

  #putDone(place: ItemPlace, item: JsonObject): void {
    place.done(item);
    this.#output[place.index] = item;
  }

  /** Finishes the items of which no part is open. */
  #finishSettled(status: ItemStatus): void {
    for (const item of [...this.#unfinished]) if (!item.isOpen) this.#finish(item, status);
  }

  #finish(item: OutputItem, status: ItemStatus): void {
    const at = this.#unfinished.indexOf(item);
    if (at === -1) return;
    this.#unfinished.splice(at, 1);
    this.#putDone(item.place, item.finish(status));
    if (item instanceof CallItem && item.seal !== undefined) {
      // The call has no place for it, so it comes in an item of its own.
      const place = this.#place('rs_', undefined);
      const code = encodeSeal({ seal: item.seal, callId: item.callId });
      this.#putWhole(place, reasoningItem(place.id, { encrypted_content: code }));
    }
  }

  #end(): void {
    this.#begin('', 0);
    const reason = incompleteReason(this.#stop, this.#hasRefusal);
    const status = reason === undefined ? 'completed' : 'incomplete';
    for (const item of [...this.#unfinished]) this.#finish(item, status);
    this.#isOver = true;
    this.#tell(`response.${status}`, this.#lastState());
  }

  #lastState(): ResponseState {
    const reason = incompleteReason(this.#stop, this.#hasRefusal);
    return {
      status: reason === undefined ? 'completed' : 'incomplete',
      output: this.#finished(),
      usage: this.#usage,
      incompleteReason: reason,
      completedAt: reason === undefined ? this.#nowSeconds() : undefined,
    };
  }

  /** The finished items, without gaps for those that are not. */
  #finished(): readonly JsonObject[] {
    return this.#output.filter((item) => item !== undefined);
  }

  #nowSeconds(): number {
    return Math.floor(this.#facts.now() / 1000);
  }
}
