import type { PartStart } from '../../conversation/answer.ts';
import type { Dropped } from '../../conversation/dropped.ts';
import type { PartEvent } from '../../conversation/in-order.ts';
import { inputObject } from '../../conversation/json.ts';
import type {
  Citation,
  Extras,
  Json,
  JsonObject,
  Part,
  Seal,
  ThinkingPart,
} from '../../conversation/parts.ts';
import { isPacked, packSeal, packThoughts } from '../../conversation/seal-code.ts';
import { writeGrounding } from './citations.ts';

interface Current {
  readonly start: PartStart;
  readonly extras: Extras | undefined;
  /** The text of a text, the input of a call. */
  text: string;
  seal: Seal | undefined;
  readonly citations: Citation[];
}

/** Writes the parts of an answer from its events, which come one part after the other. */
export class PartsWriter {
  readonly #dropped: Dropped;
  readonly #send: (part: JsonObject) => void;
  readonly #cited: { citation: Citation; text: string; partIndex: number }[] = [];
  readonly #tokens: Json[] = [];
  readonly #thoughts = new ForeignThoughts();
  #current: Current | undefined;

  constructor(dropped: Dropped, send: (part: JsonObject) => void) {
    this.#dropped = dropped;
    this.#send = send;
  }

  /** What the texts rest on, as far as it has addresses. */
  get grounding(): JsonObject | undefined {
    return writeGrounding(this.#cited);
  }

  get logprobs(): readonly Json[] | undefined {
    return this.#tokens.length === 0 ? undefined : this.#tokens;
  }

  add(event: PartEvent): void {
    if (event.kind === 'part-start') {
      this.#current = { start: event.part, extras: event.extras, text: '', seal: undefined, citations: [] };
      if (event.part.kind === 'whole') this.#whole(event.part.part);
      if (event.part.kind === 'server-call') this.#dropped.add('content.server-call');
      return;
    }
    const current = this.#current;
    if (current === undefined) return;
    switch (event.kind) {
      case 'text':
        if (event.text === '') return;
        current.text += event.text;
        this.#send(
          current.start.kind === 'thinking' ? { text: event.text, thought: true } : { text: event.text },
        );
        return;
      case 'input':
        current.text += event.text;
        return;
      case 'seal':
        this.#seal(current, event.seal);
        return;
      case 'citation':
        current.citations.push(event.citation);
        return;
      case 'logprobs':
        this.#tokens.push(...event.tokens);
        return;
      case 'result':
        return;
      case 'part-end':
        this.#end(current);
        this.#current = undefined;
    }
  }

  #seal(current: Current, seal: Seal): void {
    const { start } = current;
    current.seal = seal;
    if (start.kind === 'thinking')
      this.#send({ text: '', thought: true, thoughtSignature: tokenOf(seal, start.isSummary) });
    else if (start.kind === 'text') this.#send({ text: '', thoughtSignature: tokenOf(seal, undefined) });
  }

  #end({ start, extras, text, seal, citations }: Current): void {
    for (const citation of citations) {
      if (citation.url === undefined) this.#dropped.add('citations');
      this.#cited.push({ citation, text, partIndex: 0 });
    }
    if (start.kind === 'thinking')
      this.#thoughts.add({ kind: 'thinking', text, seal, isSummary: start.isSummary });
    if (start.kind !== 'tool-call') return;
    const { id, name, namespace } = start;
    this.#send({
      functionCall: {
        ...(id === '' ? {} : { id }),
        name: namespace === undefined ? name : `${namespace}__${name}`,
        args: inputObject(text),
      },
      ...this.#thoughts.sealOf(seal),
      ...(extras?.format === 'gemini' ? extras.members : {}),
    });
  }

  #whole(part: Part): void {
    const written = wholePart(part);
    if (written !== undefined) this.#send(written);
    // Which tools there were is said by the request.
    else if (part.kind !== 'server-tools') this.#dropped.add(`content.${part.kind}`);
  }
}

/**
 * Sealed thoughts of another provider, for the first call that follows them: clients such as Gemini CLI bring back the signatures of calls, but
 * no thoughts.
 */
export class ForeignThoughts {
  #thoughts: ThinkingPart[] = [];

  add(thought: ThinkingPart): void {
    if (thought.seal !== undefined && thought.seal.format !== 'gemini') this.#thoughts.push(thought);
  }

  /** The signature of a call. */
  sealOf(seal: Seal | undefined): JsonObject {
    if (seal !== undefined) return { thoughtSignature: tokenOf(seal, undefined) };
    if (this.#thoughts.length === 0) return {};
    const thoughts = this.#thoughts;
    this.#thoughts = [];
    return { thoughtSignature: packThoughts(thoughts) };
  }
}

/** A seal as a signature; one that is ours already comes from another gateway like this one, and goes back there as it came. */
export function tokenOf(seal: Seal, isSummary: boolean | undefined): string {
  return seal.format === 'gemini' && !isPacked(seal.value)
    ? seal.value
    : packSeal({ seal, place: 'self', isSummary });
}

/** A part that an answer brings as a whole; `undefined` when the format cannot say it. */
export function wholePart(part: Part): JsonObject | undefined {
  switch (part.kind) {
    case 'foreign':
      return part.format === 'gemini' ? part.value : undefined;
    case 'image':
    case 'audio':
    case 'video':
    case 'document': {
      const sealed =
        part.kind === 'image' && part.seal !== undefined
          ? { thoughtSignature: tokenOf(part.seal, undefined) }
          : {};
      const { source } = part;
      if (source.kind === 'base64')
        return { inlineData: { mimeType: source.mediaType, data: source.data }, ...sealed };
      if (source.kind === 'url') return { fileData: { fileUri: source.url }, ...sealed };
      return source.kind === 'file' && source.format === 'gemini'
        ? { fileData: { fileUri: source.id }, ...sealed }
        : undefined;
    }
    case 'text':
    case 'refusal':
    case 'thinking':
    case 'tool-call':
    case 'tool-result':
    case 'server-call':
    case 'server-tools':
    case 'approval-request':
    case 'approval':
      return undefined;
  }
}
