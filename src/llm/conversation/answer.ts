import type { Citation, Extras, Json, Part, Seal } from './parts.ts';

/** Tokens, each counted once: what was read from or written to a cache is part of `input`, what was thought is part of `output`. */
export interface Usage {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  /** Written to a cache that lasts five minutes, and one hour. */
  readonly cacheWrite: number;
  readonly cacheWrite1h: number;
  readonly reasoning: number;
  readonly audioInput: number;
  readonly audioOutput: number;
  /** The service tier that answered, in the provider's word for it. */
  readonly tier?: string | undefined;
}

export type StopKind =
  | 'end'
  | 'length'
  | 'tool-calls'
  | 'stop-sequence'
  | 'content-filter'
  | 'refusal'
  | 'pause'
  | 'other';

export interface Stop {
  readonly kind: StopKind;
  /** The sequence that stopped it. */
  readonly sequence?: string | undefined;
  /** The provider's own word, for formats that have none for `kind`. */
  readonly raw?: string | undefined;
  /** Members of the answer that only the provider's format has (details of a refusal, a container, what was edited out of the context …). */
  readonly extras?: Extras | undefined;
}

/** What a part is, as far as it is known when it begins. Its text, input, seal and citations follow as deltas. */
export type PartStart =
  | { readonly kind: 'text' }
  | { readonly kind: 'refusal' }
  | { readonly kind: 'thinking'; readonly isSummary?: boolean | undefined }
  | {
      readonly kind: 'tool-call';
      readonly id: string;
      readonly name: string;
      readonly namespace?: string | undefined;
      readonly isFreeform?: boolean | undefined;
    }
  /** A call that the gateway makes itself: its input follows as `input`, its outcome as `result`. */
  | {
      readonly kind: 'server-call';
      readonly id: string;
      readonly server: string;
      readonly name: string;
      readonly approvalId?: string | undefined;
    }
  /** A part that comes whole: an image, audio, a list of tools, a block of one format alone. */
  | { readonly kind: 'whole'; readonly part: Part };

/**
 * What happens in one answer, streamed or not. A reader of a format emits them in this order: `start`; for each part `part-start`, deltas,
 * `part-end`; `stop`; `end`. Parts may overlap (parallel tool calls); `at` numbers them from 0 without gaps in the order in which they begin.
 * `usage` may come at any time and more than once: each one replaces what was said before. `end` comes only after the format's own sign that
 * the answer is complete; a stream that just breaks off emits none.
 */
export type AnswerEvent =
  | { readonly kind: 'start'; readonly id: string; readonly model: string; readonly createdAt: number }
  | {
      readonly kind: 'part-start';
      readonly at: number;
      readonly part: PartStart;
      /** As `itemId` and `extras` of a part. */
      readonly itemId?: string | undefined;
      readonly extras?: Extras | undefined;
    }
  | { readonly kind: 'text'; readonly at: number; readonly text: string }
  /** More of a tool call's input, as text. */
  | { readonly kind: 'input'; readonly at: number; readonly text: string }
  /** What came of a call that the gateway made itself. */
  | {
      readonly kind: 'result';
      readonly at: number;
      readonly content: readonly Part[];
      readonly isError: boolean;
    }
  | { readonly kind: 'seal'; readonly at: number; readonly seal: Seal }
  | { readonly kind: 'citation'; readonly at: number; readonly citation: Citation }
  /** Probabilities of tokens, as Chat Completions writes them (`logprobs.content`). */
  | { readonly kind: 'logprobs'; readonly at: number; readonly tokens: readonly Json[] }
  | { readonly kind: 'part-end'; readonly at: number }
  | { readonly kind: 'usage'; readonly usage: Usage }
  | { readonly kind: 'stop'; readonly stop: Stop }
  | { readonly kind: 'ping' }
  | { readonly kind: 'end' };

/** A whole answer. */
export interface Answer {
  readonly id: string;
  readonly model: string;
  /** Seconds since the Unix epoch. */
  readonly createdAt: number;
  readonly parts: readonly Part[];
  readonly stop: Stop;
  readonly usage: Usage | undefined;
  readonly logprobs?: readonly Json[] | undefined;
}
