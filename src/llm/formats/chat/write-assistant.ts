import type { Json, JsonObject, Part, Seal, ToolCallPart } from '../../conversation/parts.ts';
import { writeBlock, writeDetail, writeSignature } from './sealed.ts';
import { type Writing, writeContentPart } from './write-parts.ts';

/** One assistant's message for a provider, put together from its parts. */
export class AssistantMessage {
  readonly #writing: Writing;
  readonly #content: JsonObject[] = [];
  readonly #calls: JsonObject[] = [];
  readonly #blocks: JsonObject[] = [];
  readonly #details: JsonObject[] = [];
  #thoughts = '';
  #audio: JsonObject | undefined;
  #refusal: string | undefined;
  #isJoined = false;
  #seal: Seal | undefined;

  constructor(writing: Writing) {
    this.#writing = writing;
  }

  addCall(part: ToolCallPart, written: JsonObject): void {
    this.#isJoined = false;
    this.#calls.push({
      ...written,
      ...(part.seal === undefined ? {} : this.#signature(part.seal, 'messages.tool_calls.signature')),
    });
  }

  add(part: Part): void {
    const { dropped } = this.#writing;
    switch (part.kind) {
      case 'thinking':
        this.#addThought(part.text, part.seal, part.isSummary);
        return;
      case 'refusal':
        this.#refusal = (this.#refusal ?? '') + part.text;
        return;
      case 'audio':
        if (part.source.kind === 'file' && part.source.format === 'chat') {
          this.#audio = { id: part.source.id };
          return;
        }
        dropped.add('messages.content.audio');
        return;
      case 'text': {
        if (part.citations !== undefined && part.citations.length > 0) dropped.add('messages.citations');
        if (part.seal !== undefined) this.#seal = part.seal;
        const written = writeContentPart(part, this.#writing);
        if (written !== undefined) this.#addText(written);
        return;
      }
      case 'image':
      case 'document':
      case 'video':
        // Assistants' messages hold nothing but words.
        dropped.add(`messages.content.${part.kind}`);
        return;
      default: {
        const written = writeContentPart(part, this.#writing);
        if (written !== undefined) this.#content.push(written);
        this.#isJoined = false;
      }
    }
  }

  /** `undefined`: there was nothing that could be said. */
  finish(): JsonObject | undefined {
    const content = this.#contentOf();
    const signature =
      this.#seal === undefined ? {} : this.#signature(this.#seal, 'messages.content.signature');
    const isEmpty = content === null && this.#calls.length === 0 && this.#audio === undefined;
    const hasThoughts = this.#thoughts !== '' || this.#blocks.length > 0 || this.#details.length > 0;
    if (isEmpty && this.#refusal === undefined && !hasThoughts) return undefined;
    return {
      role: 'assistant',
      content: isEmpty && this.#refusal === undefined ? '' : content,
      ...(this.#refusal === undefined ? {} : { refusal: this.#refusal }),
      ...(this.#thoughts === '' ? {} : { reasoning_content: this.#thoughts }),
      ...(this.#blocks.length === 0 ? {} : { thinking_blocks: this.#blocks }),
      ...(this.#details.length === 0 ? {} : { reasoning_details: this.#details }),
      ...(this.#audio === undefined ? {} : { audio: this.#audio }),
      ...(this.#calls.length === 0 ? {} : { tool_calls: this.#calls }),
      ...signature,
    };
  }

  #contentOf(): Json {
    const [first] = this.#content;
    if (first === undefined) return null;
    const isPlain = this.#content.length === 1 && first['type'] === 'text' && Object.keys(first).length === 2;
    return isPlain ? (first['text'] ?? null) : this.#content;
  }

  /** Texts that other formats cut (between citations, at packets) are one here; those that a client of this format gave apart stay apart. */
  #addText(written: JsonObject): void {
    const last = this.#content.at(-1);
    const canJoin =
      !this.#writing.isOwn &&
      last?.['type'] === 'text' &&
      Object.keys(last).length === 2 &&
      Object.keys(written).length === 2;
    if (!canJoin) this.#content.push(written);
    else {
      const between = this.#isJoined ? '' : '\n\n';
      this.#content[this.#content.length - 1] = {
        type: 'text',
        text: `${String(last['text'])}${between}${String(written['text'])}`,
      };
    }
    this.#isJoined = true;
  }

  #addThought(text: string, seal: Seal | undefined, isSummary: boolean | undefined): void {
    const { isOwn, rules, dropped } = this.#writing;
    this.#isJoined = false;
    if (seal?.format === 'chat' && seal.kind === 'encrypted') this.#details.push(writeDetail(text, seal));
    // What another provider sealed is of no use to this one; a client of this format may have it from a LiteLLM that will know it.
    else if (seal?.format === 'chat' || (isOwn && seal?.format === 'messages'))
      this.#blocks.push(writeBlock(text, seal, isSummary));
    else if (seal !== undefined) dropped.add('messages.content.signature');
    if (text === '') return;
    if (isOwn || rules.takesThoughts) this.#thoughts += this.#thoughts === '' ? text : `\n\n${text}`;
    else if (seal?.format !== 'chat') dropped.add('messages.content.thinking');
  }

  #signature(seal: Seal, name: string): JsonObject {
    // Google's own endpoint of this format, or one in front of it.
    if (this.#writing.isOwn || (seal.format === 'gemini' && this.#writing.rules.isGemini))
      return writeSignature(seal);
    this.#writing.dropped.add(name);
    return {};
  }
}
