import type { Stop, Usage } from './answer.ts';
import type { LlmFailure } from './llm-failure.ts';

/** What was seen of an answer so far. */
export interface Seen {
  /** Whether it has begun to say something. */
  readonly hasContent: boolean;
  /** Whether the format's own sign of completion has come. */
  readonly isComplete: boolean;
  readonly usage: Usage | undefined;
  /** Bytes of texts, thoughts and inputs of tools that have passed since `usage` was told, as they stand in the JSON. */
  readonly bytesSinceUsage: number;
  readonly stop: Stop | undefined;
  /** An error that the provider told in the midst of the answer. */
  readonly failure: LlmFailure | undefined;
  /** Whether the latest event holds the usage and nothing else (Chat Completions, `stream_options.include_usage`). */
  readonly isUsageAlone: boolean;
}

/** Watches an answer that goes on unchanged. Costs next to nothing for an event that holds nothing of it. */
export interface AnswerObserver {
  /** One event of a stream; `data` is valid only during the call. The same object every time. */
  event(event: string | undefined, data: Buffer): Seen;
  whole(body: Buffer): Seen;
}
