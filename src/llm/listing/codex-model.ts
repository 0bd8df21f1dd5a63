import type { JsonObject } from '../conversation/parts.ts';
import type { ModelEntry } from './model-entry.ts';

/** What Codex tells a model when its operator says nothing else; Codex takes the list's word for it. */
const INSTRUCTIONS =
  "You are a coding agent that works in the user's terminal through the tools you are given. Read what you need before you change it, keep changes small and in the style of the code around them, check your work by running it, and say plainly what you did and what you could not do.";
const EFFORTS = ['low', 'medium', 'high'] as const;
const OUTPUT_BYTES_MAX = 10_000;

/** A model as Codex reads it (openai/codex, protocol/src/openai_models.rs, ModelInfo). `model_info.codex` says what is known better. */
export function codexModel(
  { id, displayName, description, context, codex }: ModelEntry,
  priority: number,
): JsonObject {
  return {
    slug: id,
    display_name: displayName,
    description: description ?? null,
    default_reasoning_level: 'medium',
    supported_reasoning_levels: EFFORTS.map((effort) => ({ effort, description: `${effort} effort` })),
    shell_type: 'shell_command',
    visibility: 'list',
    supported_in_api: true,
    priority,
    upgrade: null,
    base_instructions: INSTRUCTIONS,
    supports_reasoning_summaries: true,
    support_verbosity: false,
    default_verbosity: null,
    apply_patch_tool_type: null,
    truncation_policy: { mode: 'bytes', limit: OUTPUT_BYTES_MAX },
    supports_parallel_tool_calls: true,
    ...(context === undefined ? {} : { context_window: context }),
    experimental_supported_tools: [],
    input_modalities: ['text', 'image'],
    ...(codex as JsonObject),
  };
}
