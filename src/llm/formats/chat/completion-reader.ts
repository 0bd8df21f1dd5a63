import type { AnswerEvent } from '../../conversation/answer.ts';
import { isList, isObject, numberOf, textOf } from '../../conversation/json.ts';
import type { Json, JsonObject, Part, Seal } from '../../conversation/parts.ts';
import { CallReader } from './call-reader.ts';
import { readErrorObject } from './errors.ts';
import { AudioReader } from './audio-reader.ts';
import { urlSource } from './media.ts';
import { readCitation, thoughtText } from './read-parts.ts';
import { detailSeal, readBlock, readDetail, readSignature } from './sealed.ts';
import { readStop } from './stop.ts';
import { usageOf } from './usage.ts';

type OpenKind = 'text' | 'refusal' | 'thinking';

/** Reads one completion from its chunks, or from a whole one as if it were a single chunk. */
export class CompletionReader {
  readonly #calls = new CallReader(() => this.#newAt());
  #next = 0;
  #open: { readonly kind: OpenKind; readonly at: number; readonly mark: Json | undefined } | undefined;
  /** What is left of an object of `reasoning_details` besides its text. */
  #detail: JsonObject | undefined;
  #textSeal: Seal | undefined;
  /** Characters of the text parts that are over. */
  #textBefore = 0;
  #textLength = 0;
  #hasRefusal = false;
  readonly #audio = new AudioReader();
  #sources: readonly Json[] = [];
  #hasAnnotations = false;
  /** What the present thought has said in `reasoning_content` alone. */
  #plainThought = '';
  #finished: JsonObject | undefined;
  isStarted = false;
  isEnded = false;

  /** Whether anything was said, or a reason was given why no more is. */
  get hasSomething(): boolean {
    return this.#next > 0 || this.#finished !== undefined;
  }

  get isFinished(): boolean {
    return this.#finished !== undefined;
  }

  /** A chunk, or a whole completion. Throws LlmFailure when it tells of an error. */
  take(chunk: JsonObject, out: AnswerEvent[]): void {
    const { error } = chunk;
    if ((error !== undefined && error !== null) || chunk['object'] === 'error') throw readErrorObject(chunk);
    const choice = isList(chunk['choices']) ? chunk['choices'].find(isFirst) : undefined;
    if (choice !== undefined) this.#takeChoice(chunk, choice, out);
    const usage = usageOf(chunk);
    if (usage !== undefined) out.push({ kind: 'usage', usage });
    if (isList(chunk['citations'])) this.#sources = chunk['citations'];
  }

  /** Closes what is open and says why the answer ended. */
  finish(out: AnswerEvent[]): void {
    this.isEnded = true;
    this.#citeSources(out);
    this.#close(out);
    this.#calls.closeAll(out);
    this.#whole(this.#audio.part(), out);
    const stop = readStop(this.#finished ?? {}, {
      hasCalls: this.#calls.hasAny,
      hasRefusal: this.#hasRefusal,
    });
    out.push({ kind: 'stop', stop }, { kind: 'end' });
  }

  #takeChoice(chunk: JsonObject, choice: JsonObject, out: AnswerEvent[]): void {
    if (!this.isStarted) {
      this.isStarted = true;
      out.push({
        kind: 'start',
        id: textOf(chunk['id']) ?? '',
        model: textOf(chunk['model']) ?? '',
        createdAt: numberOf(chunk['created']) ?? Math.floor(Date.now() / 1000),
      });
    }
    if (choice['finish_reason'] === 'error' || isObject(choice['error']))
      throw readErrorObject({ error: choice['error'] ?? null });
    const logprobs = isObject(choice['logprobs']) ? choice['logprobs'] : {};
    if (isObject(choice['delta'])) this.#takeDelta(choice['delta'], logprobs, out);
    else if (isObject(choice['message'])) this.#takeDelta(numbered(choice['message']), logprobs, out);
    // Before chat there was `text`, and some still have it.
    else if (typeof choice['text'] === 'string') {
      this.#say('text', choice['text'], out);
      this.#takeLogprobs(logprobs['content'], out);
    }
    if (typeof choice['finish_reason'] === 'string') this.#finished = choice;
  }

  #takeDelta(delta: JsonObject, logprobs: JsonObject, out: AnswerEvent[]): void {
    this.#takeThoughts(delta, out);
    const { content } = delta;
    if (typeof content === 'string') this.#say('text', content, out);
    else if (isList(content)) for (const part of content) if (isObject(part)) this.#takePart(part, out);
    // They belong to what was just said, before a refusal or a call ends it.
    this.#takeLogprobs(logprobs['content'], out);
    const refusal = textOf(delta['refusal']) ?? '';
    if (refusal !== '') {
      this.#hasRefusal = true;
      this.#say('refusal', refusal, out);
    }
    this.#takeLogprobs(logprobs['refusal'], out);
    if (isList(delta['images']))
      for (const image of delta['images']) if (isObject(image)) this.#takePart(image, out);
    if (isList(delta['annotations'])) this.#takeAnnotations(delta['annotations'], out);
    if (isObject(delta['audio'])) this.#audio.read(delta['audio']);
    // Beside the text: inside of a call it is that of the call.
    const seal = readSignature({ extra_content: delta['extra_content'] ?? null });
    if (seal !== undefined) this.#takeTextSeal(seal, out);
    if (isList(delta['tool_calls']) && delta['tool_calls'].length > 0) {
      this.#close(out);
      for (const call of delta['tool_calls']) if (isObject(call)) this.#calls.read(call, out);
    }
    if (isObject(delta['function_call'])) {
      this.#close(out);
      this.#calls.readLegacy(delta['function_call'], out);
    }
  }

  /** A content part, as Mistral and a few others send them. */
  #takePart(part: JsonObject, out: AnswerEvent[]): void {
    if (part['type'] === 'thinking')
      this.#say('thinking', thoughtText(part['thinking'] ?? part['text']), out);
    else if (part['type'] === 'image_url') {
      const image = part['image_url'];
      const url = isObject(image) ? textOf(image['url']) : textOf(image);
      if (url === undefined) return;
      this.#close(out);
      this.#whole({ kind: 'image', source: urlSource(url) }, out);
    } else this.#say('text', textOf(part['text']) ?? '', out);
  }

  /** The first of the three places that says something; the others repeat it. */
  #takeThoughts(delta: JsonObject, out: AnswerEvent[]): void {
    let isSaid = false;
    if (isList(delta['thinking_blocks']))
      for (const block of delta['thinking_blocks']) {
        const thought = isObject(block) ? readBlock(block, 'provider') : undefined;
        if (thought === undefined) continue;
        isSaid = true;
        if (thought.seal?.kind === 'redacted') this.#close(out);
        if (thought.text !== '' || thought.seal !== undefined) this.#begin('thinking', undefined, out);
        // A block that comes whole with its signature repeats what was said in pieces.
        if (!this.#plainThought.endsWith(thought.text)) this.#more(thought.text, out);
        if (thought.seal === undefined || this.#open === undefined) continue;
        out.push({ kind: 'seal', at: this.#open.at, seal: thought.seal });
        this.#close(out);
      }
    if (!isSaid && isList(delta['reasoning_details']))
      for (const detail of delta['reasoning_details'])
        if (isObject(detail) && this.#takeDetail(detail, out)) isSaid = true;
    if (isSaid) return;
    const plain = textOf(delta['reasoning_content']) || textOf(delta['reasoning']) || '';
    if (plain === '') return;
    this.#say('thinking', plain, out, this.#open?.mark);
    this.#plainThought += plain;
  }

  /** Pieces of one thought have the same type and number. */
  #takeDetail(value: JsonObject, out: AnswerEvent[]): boolean {
    const { text, isSummary, members } = readDetail(value);
    if (text === '' && members === undefined) return false;
    const mark = `${String(value['type'])}:${String(value['index'] ?? value['id'] ?? '')}`;
    // One that comes whole repeats what was said in pieces.
    if (text === '' || !this.#plainThought.endsWith(text)) {
      this.#begin('thinking', mark, out, isSummary);
      this.#more(text, out);
    }
    if (members !== undefined) this.#detail = { ...this.#detail, ...members };
    return true;
  }

  #takeTextSeal(seal: Seal, out: AnswerEvent[]): void {
    if (this.#open?.kind === 'text') this.#textSeal = seal;
    else if (!this.#calls.hasAny) {
      this.#begin('text', undefined, out);
      this.#textSeal = seal;
    }
  }

  #takeAnnotations(annotations: readonly Json[], out: AnswerEvent[]): void {
    for (const annotation of annotations) {
      if (!isObject(annotation)) continue;
      this.#hasAnnotations = true;
      this.#cite(annotation, out);
    }
  }

  /** Perplexity's list of addresses, which comes again with every chunk. */
  #citeSources(out: AnswerEvent[]): void {
    if (this.#hasAnnotations || this.#open?.kind !== 'text') return;
    for (const url of this.#sources)
      if (typeof url === 'string') this.#cite({ type: 'url_citation', url_citation: { url } }, out);
  }

  #cite(annotation: JsonObject, out: AnswerEvent[]): void {
    this.#begin('text', undefined, out);
    const { start, end, ...citation } = readCitation(annotation);
    const offset = (value: number | undefined): number | undefined =>
      value === undefined ? undefined : Math.max(0, value - this.#textBefore);
    out.push({
      kind: 'citation',
      at: this.#open!.at,
      citation: { ...citation, start: offset(start), end: offset(end) },
    });
  }

  #takeLogprobs(tokens: Json | undefined, out: AnswerEvent[]): void {
    if (isList(tokens) && tokens.length > 0 && this.#open !== undefined)
      out.push({ kind: 'logprobs', at: this.#open.at, tokens });
  }

  #say(kind: OpenKind, text: string, out: AnswerEvent[], mark?: Json): void {
    if (text === '') return;
    this.#begin(kind, mark, out);
    this.#more(text, out);
  }

  #begin(kind: OpenKind, mark: Json | undefined, out: AnswerEvent[], isSummary = false): void {
    if (this.#open?.kind === kind && this.#open.mark === mark) return;
    this.#close(out);
    const at = this.#newAt();
    this.#open = { kind, at, mark };
    const part = kind === 'thinking' && isSummary ? { kind, isSummary } : { kind };
    out.push({ kind: 'part-start', at, part });
  }

  #more(text: string, out: AnswerEvent[]): void {
    if (text === '' || this.#open === undefined) return;
    if (this.#open.kind === 'text') this.#textLength += text.length;
    out.push({ kind: 'text', at: this.#open.at, text });
  }

  #close(out: AnswerEvent[]): void {
    if (this.#open === undefined) return;
    const { at, kind } = this.#open;
    if (kind === 'thinking' && this.#detail !== undefined)
      out.push({ kind: 'seal', at, seal: detailSeal(this.#detail) });
    if (kind === 'text') {
      if (this.#textSeal !== undefined) out.push({ kind: 'seal', at, seal: this.#textSeal });
      this.#textBefore += this.#textLength;
      this.#textLength = 0;
      this.#textSeal = undefined;
    }
    this.#detail = undefined;
    this.#plainThought = '';
    this.#open = undefined;
    out.push({ kind: 'part-end', at });
  }

  #whole(part: Part | undefined, out: AnswerEvent[]): void {
    if (part === undefined) return;
    const at = this.#newAt();
    out.push({ kind: 'part-start', at, part: { kind: 'whole', part } }, { kind: 'part-end', at });
  }

  #newAt(): number {
    this.#next += 1;
    return this.#next - 1;
  }
}

function isFirst(choice: Json): choice is JsonObject {
  return isObject(choice) && (numberOf(choice['index']) ?? 0) === 0;
}

/** The calls of a whole message have no numbers: their order is their number. */
function numbered(message: JsonObject): JsonObject {
  const calls = message['tool_calls'];
  if (!isList(calls)) return message;
  return {
    ...message,
    tool_calls: calls.map((call, index) => (isObject(call) ? { ...call, index } : call)),
  };
}
