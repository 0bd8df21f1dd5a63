import type { Part, Source } from '../../../src/llm/conversation/parts.ts';
import type { ModelRequest, Tool } from '../../../src/llm/conversation/request.ts';

/** One thing that a request says. */
export interface Fact {
  readonly says: string;
  /** The names under which it may be reported as dropped; `undefined`: every format can say it. */
  readonly name: RegExp | undefined;
}

/** Everything that a request says, piece by piece, in order. What only its own format understands is not among it. */
export function factsOf(request: ModelRequest): readonly Fact[] {
  const facts: Fact[] = [];
  const add = (says: string, name?: RegExp): void => void facts.push({ says, name });
  add(`stream ${request.isStream}`);
  for (const part of request.system) partFacts(part, 'system', add);
  for (const turn of request.turns) {
    // Who said it, as far as every format can tell. What a system said late may have to be told by the user.
    const role = turn.role === 'assistant' ? 'assistant' : 'user';
    for (const part of turn.parts) {
      partFacts(part, role, add);
      const mark = 'text' in part ? markIn(part.text) : undefined;
      if (turn.role === 'system') add(`late system ${mark}`, /role/);
      if (turn.name !== undefined && mark !== undefined) add(`by ${turn.name} ${mark}`, /name/);
    }
  }
  for (const tool of request.tools) toolFacts(tool, add);
  const { toolChoice: choice } = request;
  if (choice !== undefined) {
    const name = choice.kind === 'tool' ? flat(choice.namespace, choice.name) : '';
    add(`choice ${choice.kind} ${name}`, /tool_choice/);
  }
  if (request.parallelToolCalls === false && choice?.kind !== 'none') add('no parallel calls', /parallel/);
  for (const [name, pattern] of SAMPLING) {
    const value = request.sampling[name];
    if (value !== undefined) add(`${name} ${JSON.stringify(value)}`, pattern);
  }
  if (request.reasoning !== undefined && request.reasoning.isOff !== true)
    add('thinks', /^reasoning|^thinking/);
  if (request.output?.kind === 'json') add('JSON', /response_format/);
  if (request.output?.kind === 'schema')
    add(`shape ${sorted(openSchema(request.output.schema))}`, /response_format/);
  if (request.verbosity !== undefined) add(`verbosity ${request.verbosity}`, /verbosity/);
  if (request.user !== undefined) add(`user ${request.user}`, /user/);
  if (request.metadata !== undefined) add(`metadata ${sorted(request.metadata)}`, /metadata/);
  if (request.serviceTier !== undefined) add(`tier ${request.serviceTier}`, /service_tier/);
  if (request.cacheKey !== undefined) add(`cache key ${request.cacheKey}`, /prompt_cache_key/);
  return facts;
}

const SAMPLING = [
  ['temperature', /^temperature/],
  ['topP', /^top_p/],
  ['topK', /^top_k/],
  ['maxTokens', undefined],
  ['stop', /^stop/],
  ['seed', /^seed/],
  ['presencePenalty', /^presence_penalty/],
  ['frequencyPenalty', /^frequency_penalty/],
  ['choices', /^n$/],
  ['logprobs', /logprobs/],
] as const;

const DOCUMENT_NAME = /name|title|document|file/;

type Add = (says: string, name?: RegExp) => void;

function partFacts(part: Part, role: string, add: Add): void {
  if (part.cache !== undefined)
    add(`cache ${part.cache.ttl} ${'text' in part ? markIn(part.text) : part.kind}`, /cache_control/);
  switch (part.kind) {
    case 'text':
    case 'refusal':
      // Words that belong together may be put together: each marked piece by itself.
      for (const piece of pieces(part.text)) {
        // The name of a document that became text.
        if (/^m\d+x\.pdf:$/.test(piece)) add(`${role} names ${markIn(piece)}`, DOCUMENT_NAME);
        else add(`${role} says ${piece}`);
      }
      return;
    case 'thinking':
      for (const piece of pieces(part.text)) add(`thought ${piece}`, /thinking/);
      if (part.seal !== undefined) add(`seal ${part.seal.value}`, /thinking|signature|thoughtSignature/);
      return;
    case 'image':
      add(`image ${sourceOf(part.source)}`, /image/);
      if (part.detail !== undefined && part.detail !== 'auto')
        add(`detail ${sourceOf(part.source)}`, /detail|image/);
      return;
    case 'audio':
    case 'video':
      add(`${part.kind} ${sourceOf(part.source)}`, new RegExp(part.kind));
      return;
    case 'document':
      documentFacts(part, role, add);
      return;
    case 'tool-call': {
      add(`call ${part.id} of ${flat(part.namespace, part.name)} with ${inputOf(part.input)}`);
      if (part.seal !== undefined) add(`seal ${part.seal.value}`, /signature|thoughtSignature/);
      return;
    }
    case 'tool-result':
      add(`result of ${part.callId}`);
      for (const inner of part.content) partFacts(inner, role, add);
      if (part.isError === true) add(`failed ${part.callId}`, /is_error/);
      return;
    case 'server-call':
    case 'server-tools':
    case 'approval':
    case 'approval-request':
    case 'foreign':
      throw new Error(`No facts of a part ${part.kind}.`);
  }
}

/** A document that is text may become the text that it is. */
function documentFacts(part: Extract<Part, { kind: 'document' }>, role: string, add: Add): void {
  const { source, name, context } = part;
  const text =
    source.kind === 'text'
      ? source.text
      : source.kind === 'base64' && source.mediaType.startsWith('text/')
        ? Buffer.from(source.data, 'base64').toString()
        : undefined;
  if (name?.startsWith('n_') === true) add(`${role} names ${markIn(name)}`, DOCUMENT_NAME);
  if (text === undefined) add(`document ${sourceOf(source)}`, /document|file/);
  else for (const piece of pieces(text)) add(`${role} says ${piece}`);
  if (context !== undefined) add(`context ${context}`, /context/);
}

function toolFacts(tool: Tool, add: Add): void {
  if (tool.kind === 'foreign') {
    const type = String(tool.value['type']);
    add(`tool ${type}`, new RegExp(`^tools\\.${type}`));
    return;
  }
  if (tool.kind === 'servers') throw new Error('No facts of servers.');
  const name = flat(tool.namespace, tool.name);
  add(`tool ${name}: ${tool.description}`);
  if (tool.kind === 'freeform') return;
  add(`input of ${name} ${sorted(tool.schema)}`, /tools\.schema/);
  if (tool.strict === true) add(`strict ${name}`, /strict/);
  if (tool.cache !== undefined) add(`cache ${name}`, /cache_control/);
}

function sourceOf(source: Source): string {
  if (source.kind === 'base64') return source.data;
  if (source.kind === 'url') return source.url;
  return source.kind === 'text' ? source.text : source.id;
}

function flat(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}__${name}`;
}

/** A text as its input, whether or not it is wrapped in an object. */
function inputOf(input: string): string {
  let value: unknown = input;
  try {
    value = JSON.parse(input);
  } catch {
    // A freeform tool's.
  }
  if (typeof value === 'object' && value !== null && 'input' in value) return JSON.stringify(value.input);
  return sorted(value);
}

/** Without what says that there is nothing more: for one provider it must be in every schema of an answer. */
function openSchema(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === 'additionalProperties' && value === false ? undefined : value,
  ) as unknown;
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}

const MARK = /m\d+x/;

function markIn(text: string): string {
  return MARK.exec(text)?.[0] ?? '';
}

/** A text cut before each mark, without the white space and the tags that formats put between. */
function pieces(text: string): readonly string[] {
  return text
    .replaceAll(
      /<\/?system>|From the result of the tool call \S+:|The result follows in the next message\.|n_(?=m)/g,
      '',
    )
    .split(/(?=m\d+x )/)
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');
}
