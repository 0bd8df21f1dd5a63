/** A model as lists show it, in no client's words. */
export interface ModelEntry {
  readonly id: string;
  readonly displayName: string;
  readonly description: string | undefined;
  /** Seconds since the Unix epoch. */
  readonly createdAt: number;
  /** `chat`, `embedding`, … */
  readonly mode: string;
  /** Who makes it answer, as far as it is known. */
  readonly owner: string;
  /** Tokens of input, and of output, at most. */
  readonly context: number | undefined;
  readonly outputMax: number | undefined;
  /** `model_info.codex`: what Codex is told besides. */
  readonly codex: Readonly<Record<string, unknown>>;
}

/** A tool that the key may use, as the list of models tells it. */
export interface EntryTool {
  readonly name: string;
  readonly description: string | undefined;
  readonly server: string;
}
