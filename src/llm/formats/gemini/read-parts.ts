import { extrasOf, isList, isObject, textOf } from '../../conversation/json.ts';
import { invalid } from '../../conversation/llm-failure.ts';
import type { Extras, Json, JsonObject, Part, Seal, Source } from '../../conversation/parts.ts';
import { unpackSeal, unpackThoughts } from '../../conversation/seal-code.ts';
import { callIdAt } from './call-ids.ts';
import { camelMembers } from './members.ts';

const TEXT = new Set(['text', 'thought', 'thoughtSignature']);
const CALL = new Set(['functionCall', 'thoughtSignature']);
const RESPONSE = new Set(['functionResponse']);
const RESPONSE_MEMBERS = new Set(['id', 'name', 'response', 'parts']);
const INLINE = new Set(['inlineData', 'thoughtSignature']);
const FILE = new Set(['fileData', 'thoughtSignature']);

/** What clients write in the place of a signature that they do not have; the provider then checks none. */
export const NO_SIGNATURE = 'skip_thought_signature_validator';

/** Finds the call that a result without an id answers: the first one of its name that has no result yet. */
export class Calls {
  readonly #open: { readonly id: string; readonly name: string }[] = [];
  readonly #names = new Map<string, string>();
  #count = 0;

  called(id: string | undefined, name: string): string {
    const known = id ?? callIdAt(this.#count);
    this.#count++;
    this.#open.push({ id: known, name });
    this.#names.set(known, name);
    return known;
  }

  answered(id: string | undefined, name: string): string {
    const index = this.#open.findIndex((call) => (id === undefined ? call.name === name : call.id === id));
    if (index < 0) return id ?? callIdAt(this.#count++);
    return this.#open.splice(index, 1)[0]?.id ?? '';
  }

  nameOf(id: string): string | undefined {
    return this.#names.get(id);
  }
}

/** The signature of a part: the provider's own, or the seal of another one that a client brings back. */
export function readSeal(
  value: Json | undefined,
): { readonly seal: Seal; readonly isSummary?: boolean | undefined } | undefined {
  if (typeof value !== 'string' || value === '' || value === NO_SIGNATURE) return undefined;
  // Thoughts that travel with a call are parts of their own.
  if (unpackThoughts(value) !== undefined) return undefined;
  const packed = unpackSeal(value);
  return packed ?? { seal: { format: 'gemini', kind: 'signature', value } };
}

/** One part of a content, of a request or of an answer. Throws LlmFailure (`invalid`). */
export function readPart(raw: JsonObject, at: string, calls: Calls): Part {
  const part = camelMembers(raw);
  const signature = readSeal(part['thoughtSignature']);
  const sealed = signature === undefined ? {} : { seal: signature.seal };
  if (part['text'] !== undefined && part['text'] !== null) {
    const text = textOf(part['text']);
    if (text === undefined) throw invalid(`${at}.text must be text.`, `${at}.text`);
    const rest = { ...sealed, ...extras(part, TEXT) };
    if (part['thought'] !== true) return { kind: 'text', text, ...rest };
    return { kind: 'thinking', text, isSummary: signature?.isSummary, ...rest };
  }
  if (isObject(part['functionCall'])) {
    const call = part['functionCall'];
    const name = textOf(call['name']);
    if (name === undefined) throw invalid(`${at}.functionCall.name must be text.`, `${at}.functionCall.name`);
    const id = calls.called(textOf(call['id']), name);
    return {
      kind: 'tool-call',
      id,
      name,
      input: JSON.stringify(call['args'] ?? {}),
      ...sealed,
      ...extras(part, CALL),
    };
  }
  if (isObject(part['functionResponse'])) return readResponse(part, part['functionResponse'], at, calls);
  if (isObject(part['inlineData'])) {
    const data = camelMembers(part['inlineData']);
    const mediaType = textOf(data['mimeType']);
    const bytes = textOf(data['data']);
    if (mediaType === undefined || bytes === undefined)
      throw invalid(`${at}.inlineData must have a "mimeType" and "data".`, `${at}.inlineData`);
    const source: Source = { kind: 'base64', mediaType, data: standardBase64(bytes) };
    return media(source, mediaType, textOf(data['displayName']), sealed, extras(part, INLINE));
  }
  if (isObject(part['fileData'])) {
    const data = camelMembers(part['fileData']);
    const uri = textOf(data['fileUri']);
    if (uri === undefined) throw invalid(`${at}.fileData.fileUri must be text.`, `${at}.fileData.fileUri`);
    const mediaType = textOf(data['mimeType']);
    return media(
      fileSource(uri, mediaType),
      mediaType,
      textOf(data['displayName']),
      sealed,
      extras(part, FILE),
    );
  }
  return { kind: 'foreign', format: 'gemini', value: raw };
}

/** The parts of one content; `before` are those of the same turn in contents before it. A signature that comes behind the thought that it seals, as streams bring it, goes to it. */
export function readParts(
  content: JsonObject,
  at: string,
  calls: Calls,
  before: readonly Part[] = [],
): readonly Part[] {
  const list = content['parts'] ?? [];
  const raws = isObject(list) ? [list] : list;
  if (!isList(raws)) throw invalid(`${at}.parts must be a list.`, `${at}.parts`);
  const parts: Part[] = [];
  for (const [index, raw] of raws.entries()) {
    const path = `${at}.parts[${index}]`;
    if (!isObject(raw)) throw invalid(`${path} must be an object.`, path);
    addThoughts(parts, before, raw);
    addPart(parts, readPart(raw, path, calls));
  }
  return parts;
}

/** Adds the thoughts of another provider that a call brings back (`packThoughts`), unless the client brought them itself. */
function addThoughts(parts: Part[], before: readonly Part[], raw: JsonObject): void {
  if (raw['functionCall'] === undefined && raw['function_call'] === undefined) return;
  const signature = raw['thoughtSignature'] ?? raw['thought_signature'];
  if (typeof signature !== 'string') return;
  for (const thought of unpackThoughts(signature) ?? []) {
    const isThere = (one: Part): boolean =>
      one.kind === 'thinking' && one.seal?.value === thought.seal?.value;
    if (!parts.some(isThere) && !before.some(isThere)) parts.push(thought);
  }
}

/** Adds a part to those before it in the same turn. The end of a stream may be a text that says nothing. */
export function addPart(parts: Part[], part: Part): void {
  const before = parts.at(-1);
  if (part.kind === 'text' && part.text === '' && part.seal === undefined && part.extras === undefined)
    return;
  if (
    part.kind === 'thinking' &&
    part.text === '' &&
    part.seal !== undefined &&
    before?.kind === 'thinking' &&
    before.seal === undefined
  )
    parts[parts.length - 1] = { ...before, isSummary: part.isSummary, seal: part.seal };
  else parts.push(part);
}

function readResponse(part: JsonObject, raw: JsonObject, at: string, calls: Calls): Part {
  const name = textOf(raw['name']);
  if (name === undefined)
    throw invalid(`${at}.functionResponse.name must be text.`, `${at}.functionResponse.name`);
  const callId = calls.answered(textOf(raw['id']), name);
  const response = isObject(raw['response']) ? raw['response'] : {};
  const plain = plainResponse(response);
  const attached = isList(raw['parts']) ? raw['parts'].filter(isObject) : [];
  const own = extras(camelMembers(raw), RESPONSE_MEMBERS).extras?.members;
  return {
    kind: 'tool-result',
    callId,
    name,
    content: [
      ...(plain === undefined
        ? [{ kind: 'text' as const, text: JSON.stringify(response) }]
        : plain.text === ''
          ? []
          : [{ kind: 'text' as const, text: plain.text }]),
      ...attached.map((one, index) => readPart(one, `${at}.functionResponse.parts[${index}]`, calls)),
    ],
    isError: plain?.isError === true ? true : undefined,
    ...(plain === undefined ? { object: { format: 'gemini', value: response } } : {}),
    ...(own === undefined
      ? extras(part, RESPONSE)
      : { extras: { format: 'gemini', members: { functionResponse: own } } }),
  };
}

/** A result that is said by a text alone, as `writeResponse` writes it; `undefined` for other objects. */
function plainResponse(response: JsonObject): { text: string; isError: boolean } | undefined {
  const names = Object.keys(response);
  if (names.length === 0) return { text: '', isError: false };
  if (names.length > 1) return undefined;
  const { output, error } = response;
  if (typeof output === 'string') return { text: output, isError: false };
  return typeof error === 'string' ? { text: error, isError: true } : undefined;
}

function media(
  source: Source,
  mediaType: string | undefined,
  name: string | undefined,
  sealed: { readonly seal?: Seal },
  rest: { readonly extras?: Extras },
): Part {
  const type = mediaType ?? (/youtu\.?be/.test(source.kind === 'url' ? source.url : '') ? 'video/*' : '');
  if (type.startsWith('image/')) return { kind: 'image', source, ...sealed, ...rest };
  if (type.startsWith('audio/')) return { kind: 'audio', source, ...rest };
  if (type.startsWith('video/')) return { kind: 'video', source, ...rest };
  return { kind: 'document', source, ...(name === undefined ? {} : { name }), ...rest };
}

/** A file at the provider, or one anywhere. */
function fileSource(uri: string, mediaType: string | undefined): Source {
  const isOwn = !/^https?:/.test(uri) || uri.startsWith('https://generativelanguage.googleapis.com/');
  return isOwn
    ? { kind: 'file', id: uri, format: 'gemini', mediaType }
    : { kind: 'url', url: uri, mediaType };
}

function extras(part: JsonObject, known: ReadonlySet<string>): { readonly extras?: Extras } {
  const found = extrasOf('gemini', part, known);
  return found === undefined ? {} : { extras: found };
}

/** Google takes both alphabets, and its Python SDK writes the one for addresses; other providers take only the standard one. */
function standardBase64(text: string): string {
  return /[-_]/.test(text) ? Buffer.from(text, 'base64url').toString('base64') : text;
}
