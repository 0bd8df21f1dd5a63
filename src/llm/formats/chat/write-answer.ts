import type { Answer } from '../../conversation/answer.ts';
import type { AnswerFacts } from '../../conversation/format.ts';
import type { JsonObject, Part, TextPart, ThinkingPart, ToolCallPart } from '../../conversation/parts.ts';
import { annotationOf, BETWEEN, GatewayWork, mannerOf, wholeMembers } from './answer-members.ts';
import { writeBlock, writeDetail, writeSignature } from './sealed.ts';
import { writeStop } from './stop.ts';
import { writeUsage } from './usage.ts';

/** A whole answer as `chat.completion`. */
export function writeAnswer(answer: Answer, facts: AnswerFacts): JsonObject {
  const manner = mannerOf(answer, facts);
  const message = new Message(facts);
  for (const part of answer.parts) message.add(part);
  const { hasCalls, hasRefusal } = message;
  const reason = writeStop(answer.stop, { hasCalls, hasRefusal });
  return {
    id: manner.id,
    object: 'chat.completion',
    created: manner.created,
    model: manner.model,
    choices: [
      {
        index: 0,
        message: message.finish(manner.isLegacy),
        logprobs:
          answer.logprobs === undefined || answer.logprobs.length === 0
            ? null
            : hasRefusal
              ? { content: null, refusal: answer.logprobs }
              : { content: answer.logprobs, refusal: null },
        finish_reason: manner.isLegacy && reason === 'tool_calls' ? 'function_call' : reason,
      },
    ],
    ...(answer.usage === undefined ? {} : { usage: writeUsage(answer.usage) }),
  };
}

class Message {
  readonly #facts: AnswerFacts;
  readonly #work = new GatewayWork();
  readonly #annotations: JsonObject[] = [];
  readonly #thoughts: string[] = [];
  readonly #blocks: JsonObject[] = [];
  readonly #details: JsonObject[] = [];
  readonly #calls: JsonObject[] = [];
  readonly #images: unknown[] = [];
  #members: JsonObject = {};
  #content: string | undefined;
  #refusal: string | undefined;
  #isText = false;

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
  }

  get hasCalls(): boolean {
    return this.#calls.length > 0;
  }

  get hasRefusal(): boolean {
    return this.#refusal !== undefined;
  }

  add(part: Part): void {
    const wasText = this.#isText;
    this.#isText = part.kind === 'text';
    switch (part.kind) {
      case 'text':
        this.#addText(part, wasText);
        return;
      case 'refusal':
        this.#refusal = (this.#refusal ?? '') + part.text;
        return;
      case 'thinking':
        this.#addThought(part);
        return;
      case 'tool-call':
        this.#calls.push(callOf(part));
        return;
      case 'server-call':
        this.#work.addCall(part);
        return;
      case 'server-tools':
        this.#work.addTools(part);
        return;
      default: {
        const { images, ...members } = wholeMembers(part, this.#facts.dropped) ?? {};
        if (Array.isArray(images)) this.#images.push(...images);
        this.#members = { ...this.#members, ...members };
      }
    }
  }

  finish(isLegacy: boolean): JsonObject {
    const [first] = this.#calls;
    if (isLegacy && this.#calls.length > 1) this.#facts.dropped.add('tool_calls');
    return {
      role: 'assistant',
      content: this.#content ?? null,
      refusal: this.#refusal ?? null,
      ...(this.#thoughts.length === 0 ? {} : { reasoning_content: this.#thoughts.join(BETWEEN) }),
      ...(this.#blocks.length === 0 ? {} : { thinking_blocks: this.#blocks }),
      ...(this.#details.length === 0 ? {} : { reasoning_details: this.#details }),
      ...(this.#annotations.length === 0 ? {} : { annotations: this.#annotations }),
      ...(this.#images.length === 0 ? {} : { images: this.#images as JsonObject[] }),
      ...this.#members,
      ...(first === undefined
        ? {}
        : isLegacy
          ? { function_call: first['function'] ?? null }
          : { tool_calls: this.#calls }),
      ...this.#work.members(),
    };
  }

  #addText(part: TextPart, isAdjacent: boolean): void {
    const between = this.#content === undefined || this.#content === '' || isAdjacent ? '' : BETWEEN;
    const before = (this.#content ?? '') + between;
    this.#content = before + part.text;
    for (const citation of part.citations ?? []) {
      const annotation = annotationOf(citation, before.length, this.#content.length, this.#facts.dropped);
      if (annotation !== undefined) this.#annotations.push(annotation);
    }
    if (part.seal !== undefined) this.#members = { ...this.#members, ...writeSignature(part.seal) };
  }

  #addThought({ text, seal, isSummary }: ThinkingPart): void {
    if (text !== '') this.#thoughts.push(text);
    if (seal === undefined) return;
    if (seal.format === 'chat' && seal.kind === 'encrypted') this.#details.push(writeDetail(text, seal));
    else this.#blocks.push(writeBlock(text, seal, isSummary));
  }
}

function callOf(part: ToolCallPart): JsonObject {
  const { id, name, input, isFreeform, seal } = part;
  const signature = seal === undefined ? {} : writeSignature(seal);
  if (isFreeform === true) return { id, type: 'custom', custom: { name, input }, ...signature };
  // Clients parse it, and an empty text is no JSON.
  const text = input.trim() === '' ? '{}' : input;
  return { id, type: 'function', function: { name, arguments: text }, ...signature };
}
