import type { Dropped } from '../../conversation/dropped.ts';
import { inputObject, ownExtras } from '../../conversation/json.ts';
import type {
  JsonObject,
  Part,
  Seal,
  Source,
  TextPart,
  ThinkingPart,
  ToolCallPart,
  ToolResultPart,
} from '../../conversation/parts.ts';
import { wrapFreeform, type ToolNames } from '../../conversation/tool-names.ts';
import { ownCallId } from './call-ids.ts';
import { mimeTypeOf } from './mime-type.ts';

const AT = 'contents.parts';

/** What the writing of one request has to know everywhere. */
export interface Writing {
  readonly names: ToolNames;
  readonly dropped: Dropped;
  /** Whether results of tools may hold images. */
  readonly takesMediaInResults: boolean;
  /** The tools that were called, by the id of the call. */
  readonly called: ReadonlyMap<string, string>;
}

/** One part of the conversation; none when the format cannot say it. */
export function writePart(part: Part, writing: Writing): readonly JsonObject[] {
  const { dropped } = writing;
  if (part.cache !== undefined) dropped.add('cache_control');
  switch (part.kind) {
    case 'text':
      return writeText(part, dropped);
    case 'refusal':
      return part.text === '' ? [] : [{ text: part.text }];
    case 'thinking':
      return writeThought(part, dropped);
    case 'image':
      if (part.detail !== undefined && part.detail !== 'auto') dropped.add(`${AT}.detail`);
      return writeMedia(part, 'image/*', dropped, ownSeal(part.seal, dropped));
    case 'audio':
      return writeMedia(part, 'audio/*', dropped, {});
    case 'video':
      return writeMedia(part, 'video/*', dropped, {});
    case 'document':
      if (part.name !== undefined) dropped.add(`${AT}.name`);
      if (part.context !== undefined) dropped.add(`${AT}.context`);
      return writeMedia(part, 'application/pdf', dropped, {});
    case 'tool-call':
      return [writeCall(part, writing)];
    case 'tool-result':
      return writeResult(part, writing);
    case 'server-call':
      // Where the format has nothing like it, a call of the gateway is a call and its result.
      return [
        writeCall({ kind: 'tool-call', id: part.id, name: part.name, input: part.input }, writing),
        ...writeResult(
          {
            kind: 'tool-result',
            callId: part.id,
            name: part.name,
            content: part.output ?? [],
            isError: part.isError,
          },
          writing,
        ),
      ];
    case 'foreign':
      if (part.format === 'gemini') return [part.value];
      dropped.add(`${AT}.${String(part.value['type'] ?? 'foreign')}`);
      return [];
    case 'server-tools':
      // Says nothing in a request.
      return [];
    case 'approval-request':
    case 'approval':
      dropped.add(`${AT}.${part.kind}`);
      return [];
  }
}

function writeText(part: TextPart, dropped: Dropped): readonly JsonObject[] {
  if (part.citations !== undefined && part.citations.length > 0) dropped.add(`${AT}.citations`);
  const sealed = ownSeal(part.seal, dropped);
  const rest = ownExtras('gemini', part.extras, dropped, AT);
  if (part.text === '' && Object.keys(sealed).length === 0) return [];
  return [{ text: part.text, ...sealed, ...rest }];
}

/** A thought of another provider is told without its seal. */
function writeThought(part: ThinkingPart, dropped: Dropped): readonly JsonObject[] {
  const sealed = ownSeal(part.seal, dropped);
  const rest = ownExtras('gemini', part.extras, dropped, AT);
  if (part.text === '' && Object.keys(sealed).length === 0) return [];
  return [{ text: part.text, thought: true, ...sealed, ...rest }];
}

function writeCall(part: ToolCallPart, { names, dropped }: Writing): JsonObject {
  const id = ownCallId(part.id);
  return {
    functionCall: {
      ...(id === undefined ? {} : { id }),
      name: names.wire(part.name, part.namespace),
      args: inputObject(part.isFreeform === true ? wrapFreeform(part.input) : part.input),
    },
    ...ownSeal(part.seal, dropped),
    ...ownExtras('gemini', part.extras, dropped, AT),
  };
}

function writeResult(part: ToolResultPart, writing: Writing): readonly JsonObject[] {
  const { dropped } = writing;
  const id = ownCallId(part.callId);
  const texts: string[] = [];
  const media: JsonObject[] = [];
  for (const inner of part.content) {
    if (inner.kind === 'text') {
      if (inner.cache !== undefined) dropped.add('cache_control');
      ownExtras('gemini', inner.extras, dropped, AT);
      texts.push(inner.text);
    } else media.push(...writePart(inner, writing));
  }
  const { functionResponse, ...rest } = ownExtras('gemini', part.extras, dropped, AT) ?? {};
  const inside = writing.takesMediaInResults && media.length > 0 ? { parts: media } : {};
  const response = {
    functionResponse: {
      ...(id === undefined ? {} : { id }),
      name: nameOf(part, writing),
      response: responseOf(part, texts.join('\n')),
      ...inside,
      ...(functionResponse as JsonObject | undefined),
    },
    ...rest,
  };
  return writing.takesMediaInResults ? [response] : [response, ...media];
}

function responseOf(part: ToolResultPart, text: string): JsonObject {
  if (part.object?.format === 'gemini') return part.object.value;
  if (part.isError === true) return { error: text };
  return text === '' ? {} : { output: text };
}

function nameOf(part: ToolResultPart, { names, called }: Writing): string {
  const wire = called.get(part.callId);
  return wire ?? names.wire(part.name ?? 'unknown', undefined);
}

function writeMedia(
  part: Extract<Part, { kind: 'image' | 'audio' | 'video' | 'document' }>,
  fallback: string,
  dropped: Dropped,
  sealed: JsonObject,
): readonly JsonObject[] {
  const data = mediaOf(part.source, fallback);
  if (data === undefined) {
    dropped.add(`${AT}.${part.kind}`);
    return [];
  }
  return [{ ...data, ...sealed, ...ownExtras('gemini', part.extras, dropped, AT) }];
}

function mediaOf(source: Source, fallback: string): JsonObject | undefined {
  switch (source.kind) {
    case 'base64':
      return { inlineData: { mimeType: source.mediaType, data: source.data } };
    case 'text':
      return { inlineData: { mimeType: 'text/plain', data: Buffer.from(source.text).toString('base64') } };
    case 'url': {
      const mimeType = source.mediaType ?? mimeTypeOf(source.url, fallback);
      return { fileData: { ...(mimeType === undefined ? {} : { mimeType }), fileUri: source.url } };
    }
    case 'file': {
      if (source.format !== 'gemini') return undefined;
      const { mediaType } = source;
      return {
        fileData: { ...(mediaType === undefined ? {} : { mimeType: mediaType }), fileUri: source.id },
      };
    }
  }
}

function ownSeal(seal: Seal | undefined, dropped: Dropped): JsonObject {
  if (seal === undefined) return {};
  if (seal.format === 'gemini') return { thoughtSignature: seal.value };
  dropped.add(`${AT}.thoughtSignature`);
  return {};
}
