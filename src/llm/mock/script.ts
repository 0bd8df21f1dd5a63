import { z } from 'zod';
import { LlmFailure } from '../conversation/llm-failure.ts';

const DEFAULT_TEXT = 'This is a mock response';

const scriptSchema = z.strictObject({
  /** What it says. */
  text: z.string().optional(),
  /** What it thinks before. */
  thinking: z.string().optional(),
  /** Milliseconds before the first event. */
  delay_ms: z.number().min(0).max(600_000).optional(),
  /** Words a second; without it everything comes at once. */
  tokens_per_second: z.number().positive().max(1_000_000).optional(),
  /** Calls to make instead of those that it would choose. */
  tool_calls: z
    .array(z.strictObject({ name: z.string(), arguments: z.record(z.string(), z.unknown()).default({}) }))
    .optional(),
  /** Never calls a tool by itself. */
  no_tools: z.boolean().optional(),
  /** Fails with this status at the start. */
  error: z
    .strictObject({
      status: z.int().min(400).max(599),
      message: z.string().default('This is a mock error'),
      retry_after_s: z.number().min(0).optional(),
    })
    .optional(),
  /** Breaks off after so many words, or in the midst of the next call after so many. */
  cut_after: z.int().min(0).optional(),
  /** Says nothing more after so many words, and does not end. */
  stall_after: z.int().min(0).optional(),
  /** Tokens to report, in place of a count of words. */
  usage: z
    .strictObject({ input: z.int().min(0), output: z.int().min(0), cached: z.int().min(0).default(0) })
    .optional(),
});

/** How a mock answers. */
export type MockScript = z.output<typeof scriptSchema> & { readonly text: string; readonly isGiven: boolean };

/** What `mock_response` says: a text, `true`, or an object with the members above as JSON. Throws LlmFailure. */
export function readScript(value: unknown): MockScript {
  if (value === undefined || value === null || value === true) return { text: DEFAULT_TEXT, isGiven: false };
  if (typeof value === 'string') return fromText(value);
  const parsed = scriptSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = ['mock_response', ...(issue?.path ?? [])].join('.');
    throw new LlmFailure('invalid', `${path}: ${issue?.message ?? 'is not understood'}.`, {
      status: 400,
      param: path,
    });
  }
  return { ...parsed.data, text: parsed.data.text ?? DEFAULT_TEXT, isGiven: parsed.data.text !== undefined };
}

/** LiteLLM's words for failures are understood, too. */
function fromText(text: string): MockScript {
  switch (text) {
    case 'litellm.RateLimitError':
      return { text, isGiven: true, error: { status: 429, message: 'This is a mock error' } };
    case 'litellm.InternalServerError':
      return { text, isGiven: true, error: { status: 500, message: 'This is a mock error' } };
    case 'litellm.ContextWindowExceededError':
      return {
        text,
        isGiven: true,
        error: { status: 400, message: 'context_length_exceeded: this is a mock error' },
      };
    default:
      return { text, isGiven: true };
  }
}
