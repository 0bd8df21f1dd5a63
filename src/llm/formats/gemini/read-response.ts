import type { AnswerEvent, Stop } from '../../conversation/answer.ts';
import { extrasOf, isList, isObject, textOf } from '../../conversation/json.ts';
import type { Extras, Json, JsonObject } from '../../conversation/parts.ts';
import { newCallId } from './call-ids.ts';
import { readCitations } from './citations.ts';
import { readLogprobs } from './logprobs.ts';
import { PartialArgs } from './partial-args.ts';
import { Calls, readPart, readSeal } from './read-parts.ts';
import { brokenAnswer, readBlock, readStop } from './stop.ts';
import { UsageReader } from './usage.ts';

type Out = AnswerEvent[];

const RESPONSE = new Set(['candidates', 'usageMetadata', 'modelVersion', 'responseId', 'createTime']);
const CANDIDATE = new Set(['content', 'finishReason', 'index', 'tokenCount', 'logprobsResult']);

/** Text that may go on in the next chunk. */
interface OpenText {
  readonly kind: 'text' | 'thinking';
  readonly at: number;
  text: string;
  /** A signature stands at the end of what it seals. */
  isSealed: boolean;
}

/** A call whose input comes in pieces. */
interface OpenCall {
  readonly at: number;
  readonly args: PartialArgs;
}

/**
 * What an answer says: chunk by chunk, or one that is whole. Only the first candidate is read; the others have no place in a conversation.
 * Everything is appended to the given list.
 */
export class ResponseReader {
  readonly #usage = new UsageReader();
  #isStarted = false;
  #isEnded = false;
  #next = 0;
  #open: OpenText | undefined;
  #call: OpenCall | undefined;
  #hasCalls = false;
  #reason: string | undefined;
  #blocked: string | undefined;
  #response: Record<string, Json | undefined> = {};
  #candidate: Record<string, Json | undefined> = {};

  /** Whether it was said why the answer ends. */
  get isComplete(): boolean {
    return this.#reason !== undefined || this.#blocked !== undefined;
  }

  chunk(chunk: JsonObject, out: Out): void {
    this.#start(chunk, out);
    if (this.#usage.read(chunk['usageMetadata'])) out.push({ kind: 'usage', usage: this.#usage.usage });
    Object.assign(this.#response, extrasOf('gemini', chunk, RESPONSE)?.members);
    const feedback = chunk['promptFeedback'];
    if (isObject(feedback)) this.#blocked = textOf(feedback['blockReason']) ?? this.#blocked;
    const candidates = isList(chunk['candidates']) ? chunk['candidates'].filter(isObject) : [];
    const candidate = candidates.find((one) => (one['index'] ?? 0) === 0);
    if (candidate !== undefined) this.#readCandidate(candidate, out);
  }

  finish(out: Out): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#closeCall(out);
    this.#closeText(out);
    const broken = brokenAnswer(this.#reason, textOf(this.#candidate['finishMessage']));
    if (broken !== undefined) throw broken;
    out.push({ kind: 'stop', stop: this.#stop() }, { kind: 'end' });
  }

  #start(chunk: JsonObject, out: Out): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const created = Date.parse(textOf(chunk['createTime']) ?? '');
    out.push({
      kind: 'start',
      id: textOf(chunk['responseId']) ?? '',
      model: textOf(chunk['modelVersion']) ?? '',
      createdAt: Math.floor((Number.isNaN(created) ? Date.now() : created) / 1000),
    });
  }

  #readCandidate(candidate: JsonObject, out: Out): void {
    const content = isObject(candidate['content']) ? candidate['content'] : {};
    const parts = isList(content['parts']) ? content['parts'].filter(isObject) : [];
    // Sources of a text come with or behind its end, and must be told before it closes.
    let isTold = false;
    const tell = (): void => {
      isTold ||= this.#readAbout(candidate, out);
    };
    for (const part of parts) {
      if (part['text'] === undefined || part['text'] === '') tell();
      this.#readPart(part, out);
    }
    tell();
    Object.assign(this.#candidate, extrasOf('gemini', candidate, CANDIDATE)?.members);
    const reason = textOf(candidate['finishReason']);
    if (reason !== undefined && reason !== 'FINISH_REASON_UNSPECIFIED') this.#reason = reason;
  }

  /** What the text rests on. Whether there was a text to say it of. */
  #readAbout(candidate: JsonObject, out: Out): boolean {
    const open = this.#open;
    if (open?.kind !== 'text') return false;
    for (const citation of readCitations(candidate, open.text))
      out.push({ kind: 'citation', at: open.at, citation });
    const tokens = readLogprobs(candidate['logprobsResult']);
    if (tokens.length > 0) out.push({ kind: 'logprobs', at: open.at, tokens });
    return true;
  }

  #readPart(part: JsonObject, out: Out): void {
    const text = textOf(part['text']);
    if (text !== undefined) this.#readText(part, text, out);
    else if (isObject(part['functionCall'])) this.#readCall(part, part['functionCall'], out);
    else if (Object.keys(part).length > 0) {
      this.#closeCall(out);
      this.#closeText(out);
      const at = this.#next++;
      const whole = readPart(part, 'parts', new Calls());
      out.push({ kind: 'part-start', at, part: { kind: 'whole', part: whole } }, { kind: 'part-end', at });
    }
  }

  #readText(part: JsonObject, text: string, out: Out): void {
    const kind = part['thought'] === true ? 'thinking' : 'text';
    const signature = readSeal(part['thoughtSignature']);
    if (text === '' && signature === undefined) return;
    this.#closeCall(out);
    // A signature without text is that of the thought before it, or stands in a text of its own.
    const before = this.#open;
    const goesOn = before?.kind === kind && !before.isSealed && (text !== '' || kind === 'thinking');
    if (!goesOn) this.#closeText(out);
    const open = this.#open ?? this.#begin(kind, signature?.isSummary, out);
    if (text !== '') {
      open.text += text;
      out.push({ kind: 'text', at: open.at, text });
    }
    if (signature === undefined) return;
    open.isSealed = true;
    out.push({ kind: 'seal', at: open.at, seal: signature.seal });
    // A sealed thought ends; a sealed text may still get its sources.
    if (kind === 'thinking') this.#closeText(out);
  }

  #begin(kind: OpenText['kind'], isSummary: boolean | undefined, out: Out): OpenText {
    const open: OpenText = { kind, at: this.#next++, text: '', isSealed: false };
    out.push({
      kind: 'part-start',
      at: open.at,
      part: kind === 'text' ? { kind } : isSummary === undefined ? { kind } : { kind, isSummary },
    });
    this.#open = open;
    return open;
  }

  #readCall(part: JsonObject, call: JsonObject, out: Out): void {
    const name = textOf(call['name']);
    const pieces = isList(call['partialArgs']) ? call['partialArgs'] : [];
    if (name !== undefined && name !== '') {
      this.#closeCall(out);
      this.#closeText(out);
      const at = this.#next++;
      this.#hasCalls = true;
      const id = textOf(call['id']) ?? newCallId();
      out.push({ kind: 'part-start', at, part: { kind: 'tool-call', id, name } });
      const signature = readSeal(part['thoughtSignature']);
      if (signature !== undefined) out.push({ kind: 'seal', at, seal: signature.seal });
      if (call['willContinue'] !== true && pieces.length === 0) {
        out.push({ kind: 'input', at, text: JSON.stringify(call['args'] ?? {}) }, { kind: 'part-end', at });
        return;
      }
      this.#call = { at, args: new PartialArgs() };
    }
    if (this.#call === undefined) return;
    for (const piece of pieces) this.#call.args.add(piece);
    if (call['willContinue'] !== true) this.#closeCall(out);
  }

  #closeText(out: Out): void {
    if (this.#open === undefined) return;
    out.push({ kind: 'part-end', at: this.#open.at });
    this.#open = undefined;
  }

  #closeCall(out: Out): void {
    if (this.#call === undefined) return;
    const { at, args } = this.#call;
    this.#call = undefined;
    out.push({ kind: 'input', at, text: args.text }, { kind: 'part-end', at });
  }

  #stop(): Stop {
    const candidate = this.#candidate;
    const members = {
      ...this.#response,
      ...(Object.keys(candidate).length === 0 ? {} : { candidate }),
    };
    const extras: Extras | undefined =
      Object.keys(members).length === 0 ? undefined : { format: 'gemini', members };
    if (this.#reason === undefined && this.#blocked !== undefined) return readBlock(this.#blocked, extras);
    return readStop(this.#reason ?? 'STOP', this.#hasCalls, extras);
  }
}
