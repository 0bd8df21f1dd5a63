import type { Answer } from '../../conversation/answer.ts';
import type { Dropped } from '../../conversation/dropped.ts';
import { isObject } from '../../conversation/json.ts';
import type {
  AudioPart,
  Citation,
  ImagePart,
  Json,
  JsonObject,
  Part,
  ServerCallPart,
  ServerToolsPart,
} from '../../conversation/parts.ts';
import type { AnswerFacts } from '../../conversation/format.ts';

/** Between two texts with something else between them, which this format shows as one. */
export const BETWEEN = '\n\n';

/** What the client's own request says about how its answer shall be written. */
export interface AnswerManner {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  /** The client asked with `functions`, and understands no `tool_calls`. */
  readonly isLegacy: boolean;
  readonly wantsUsage: boolean;
}

export function mannerOf(
  answer: Pick<Answer, 'id' | 'createdAt'>,
  { source, model, newId, now }: AnswerFacts,
): AnswerManner {
  const options = source['stream_options'];
  return {
    id: answer.id.startsWith('chatcmpl-') ? answer.id : newId('chatcmpl-'),
    created: answer.createdAt > 0 ? answer.createdAt : Math.floor(now() / 1000),
    model,
    isLegacy: Array.isArray(source['functions']) && !Array.isArray(source['tools']),
    wantsUsage: isObject(options) && options['include_usage'] === true,
  };
}

/** An annotation of the message, whose text has `before` characters before the cited part's, and `length` up to here. */
export function annotationOf(
  citation: Citation,
  before: number,
  length: number,
  dropped: Dropped,
): JsonObject | undefined {
  if (citation.url === undefined) {
    if (citation.format === 'chat') return citation.raw;
    dropped.add('content.citations');
    return undefined;
  }
  const inner = citation.format === 'chat' ? citation.raw['url_citation'] : undefined;
  return {
    type: 'url_citation',
    url_citation: {
      ...(isObject(inner) ? inner : {}),
      url: citation.url,
      title: citation.title ?? citation.url,
      start_index: before + (citation.start ?? 0),
      end_index: citation.end === undefined ? length : before + citation.end,
    },
  };
}

/** A part that came whole, as members of a message or delta; `undefined` when this format cannot say it. */
export function wholeMembers(part: Part, dropped: Dropped): JsonObject | undefined {
  switch (part.kind) {
    case 'image':
      return imageMembers(part, dropped);
    case 'audio':
      return audioMembers(part, dropped);
    case 'foreign':
      if (part.format === 'chat') return part.value;
      dropped.add(`content.${String(part.value['type'] ?? Object.keys(part.value)[0] ?? 'unknown')}`);
      return undefined;
    default:
      dropped.add(`content.${part.kind}`);
      return undefined;
  }
}

/** As OpenRouter and LiteLLM show what models draw. */
function imageMembers({ source }: ImagePart, dropped: Dropped): JsonObject | undefined {
  if (source.kind !== 'base64' && source.kind !== 'url') {
    dropped.add('content.image');
    return undefined;
  }
  const url = source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;
  return { images: [{ type: 'image_url', image_url: { url }, index: 0 }] };
}

function audioMembers({ source, extras }: AudioPart, dropped: Dropped): JsonObject | undefined {
  if (source.kind !== 'base64') {
    dropped.add('content.audio');
    return undefined;
  }
  const own = extras?.format === 'chat' ? extras.members : {};
  return { audio: { id: '', transcript: '', expires_at: 0, ...own, data: source.data } };
}

/** What the gateway did on the way, under the names that LiteLLM gives it. */
export class GatewayWork {
  readonly #tools: JsonObject[] = [];
  readonly #calls: JsonObject[] = [];
  readonly #results: JsonObject[] = [];

  addTools({ tools }: ServerToolsPart): void {
    for (const { name, description, schema } of tools)
      this.#tools.push({
        type: 'function',
        function: { name, ...(description === undefined ? {} : { description }), parameters: schema },
      });
  }

  addCall(call: Pick<ServerCallPart, 'id' | 'name' | 'input' | 'output'>): void {
    const { id, name, input, output } = call;
    this.#calls.push({ id, type: 'function', function: { name, arguments: input } });
    if (output === undefined) return;
    this.#results.push({ tool_call_id: id, name, result: output.map(textOf).join('\n') });
  }

  /** `provider_specific_fields` of a message or delta. */
  members(): JsonObject {
    const fields: Record<string, Json> = {};
    if (this.#tools.length > 0) fields['mcp_list_tools'] = this.#tools;
    if (this.#calls.length > 0) fields['mcp_tool_calls'] = this.#calls;
    if (this.#results.length > 0) fields['mcp_call_results'] = this.#results;
    return Object.keys(fields).length === 0 ? {} : { provider_specific_fields: fields };
  }
}

function textOf(part: Part): string {
  return part.kind === 'text' ? part.text : `[${part.kind}]`;
}
