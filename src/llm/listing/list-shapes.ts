import { invalid } from '../conversation/llm-failure.ts';
import type { JsonObject } from '../conversation/parts.ts';
import { codexModel } from './codex-model.ts';
import type { EntryTool, ModelEntry } from './model-entry.ts';

/** The clients' APIs that list models. */
export type ListShape = 'openai' | 'anthropic' | 'codex' | 'gemini';

const ANTHROPIC_PAGE = { standard: 20, max: 1_000 } as const;
const GEMINI_PAGE = { standard: 50, max: 1_000 } as const;

/** A list of models in the words of a client. `tools`: what the key may use besides. Throws LlmFailure for a query that makes no sense. */
export function writeList(
  entries: readonly ModelEntry[],
  shape: ListShape,
  query: URLSearchParams,
  tools: readonly EntryTool[] | undefined,
): JsonObject {
  switch (shape) {
    case 'openai':
      return { object: 'list', data: entries.map((entry) => openaiModel(entry, tools)) };
    case 'codex':
      return { models: entries.filter(({ mode }) => mode !== 'embedding').map(codexModel) };
    case 'anthropic':
      return anthropicPage(
        entries.filter(({ mode }) => mode !== 'embedding'),
        query,
      );
    case 'gemini':
      return geminiPage(entries, query);
  }
}

/** One model in the words of a client. */
export function writeEntry(
  entry: ModelEntry,
  shape: ListShape,
  tools: readonly EntryTool[] | undefined,
): JsonObject {
  switch (shape) {
    case 'openai':
      return openaiModel(entry, tools);
    case 'codex':
      return codexModel(entry, 0);
    case 'anthropic':
      return anthropicModel(entry);
    case 'gemini':
      return geminiModel(entry);
  }
}

/** OpenAI, "The model object". */
function openaiModel(
  { id, createdAt, owner }: ModelEntry,
  tools: readonly EntryTool[] | undefined,
): JsonObject {
  return {
    id,
    object: 'model',
    created: createdAt,
    owned_by: owner,
    ...(tools === undefined
      ? {}
      : {
          tools: tools.map(({ name, description, server }) => ({
            name,
            ...(description === undefined ? {} : { description }),
            server,
          })),
        }),
  };
}

/** Anthropic, "List Models". */
function anthropicModel({
  id,
  displayName,
  description,
  createdAt,
  context,
  outputMax,
}: ModelEntry): JsonObject {
  return {
    type: 'model',
    id,
    display_name: displayName,
    created_at: new Date(createdAt * 1_000).toISOString().replace('.000Z', 'Z'),
    ...(description === undefined ? {} : { description }),
    ...(context === undefined ? {} : { max_input_tokens: context }),
    ...(outputMax === undefined ? {} : { max_tokens: outputMax }),
  };
}

function anthropicPage(entries: readonly ModelEntry[], query: URLSearchParams): JsonObject {
  const limit = numberIn(query, 'limit', ANTHROPIC_PAGE);
  const after = query.get('after_id');
  const before = query.get('before_id');
  const from = after === null ? 0 : indexOf(entries, after, 'after_id') + 1;
  const to = before === null ? entries.length : indexOf(entries, before, 'before_id');
  const start = before === null ? from : Math.max(from, to - limit);
  const page = entries.slice(start, Math.min(to, start + limit));
  return {
    data: page.map(anthropicModel),
    has_more: before === null ? start + limit < to : start > from,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}

function indexOf(entries: readonly ModelEntry[], id: string, param: string): number {
  const at = entries.findIndex((entry) => entry.id === id);
  if (at < 0) throw invalid(`There is no model "${id.slice(0, 200)}" in this list.`, param);
  return at;
}

/** Gemini API, "models". */
function geminiModel({ id, displayName, description, mode, context, outputMax }: ModelEntry): JsonObject {
  return {
    name: `models/${id}`,
    baseModelId: id,
    version: '1',
    displayName,
    ...(description === undefined ? {} : { description }),
    ...(context === undefined ? {} : { inputTokenLimit: context }),
    ...(outputMax === undefined ? {} : { outputTokenLimit: outputMax }),
    supportedGenerationMethods:
      mode === 'embedding' ? ['embedContent'] : ['generateContent', 'streamGenerateContent', 'countTokens'],
  };
}

function geminiPage(entries: readonly ModelEntry[], query: URLSearchParams): JsonObject {
  const size = numberIn(query, 'pageSize', GEMINI_PAGE);
  const token = query.get('pageToken');
  const from = token === null || token === '' ? 0 : indexOf(entries, token, 'pageToken') + 1;
  const page = entries.slice(from, from + size);
  const last = page.at(-1);
  return {
    models: page.map(geminiModel),
    ...(from + size < entries.length && last !== undefined ? { nextPageToken: last.id } : {}),
  };
}

function numberIn(
  query: URLSearchParams,
  name: string,
  { standard, max }: { readonly standard: number; readonly max: number },
): number {
  const text = query.get(name);
  if (text === null || text === '') return standard;
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw invalid(`"${name}" must be a whole number from 1 to ${max}.`, name);
  return Math.min(Number(text), max);
}
