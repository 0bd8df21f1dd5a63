import { z } from 'zod';
import { patternSource } from '../core/redact.ts';
import { byteSize, duration, setting } from '../core/setting.ts';

/** How much is recorded of a call: nothing, that it happened, what was asked too, what was answered too. */
export const LEVELS = ['none', 'metadata', 'request', 'response'] as const;
export type Level = (typeof LEVELS)[number];

/** Which calls are recorded how; what is not given applies to all. `*` in a name stands for any text. */
export interface LevelRule {
  readonly server?: string | undefined;
  readonly tool?: string | undefined;
  readonly model?: string | undefined;
  readonly key?: string | undefined;
  readonly level: Level;
}

/** How calls are recorded. */
export interface RecordingConfig {
  /** The first that fits a call counts. */
  readonly levels: readonly LevelRule[];
  /** Where no rule fits. */
  readonly defaultLevel: Level;
  /** Bytes that are kept of one body. */
  readonly bodyBytesMax: number;
  /** Bodies older than this are removed by the day, in milliseconds. */
  readonly bodyRetentionMs: number;
  /** Names of members and columns that are secrets, besides those that are known. */
  readonly redactNames: readonly string[];
  readonly redactPatterns: readonly string[];
}

/** Without a configuration. */
export const STANDARD_RECORDING: RecordingConfig = {
  levels: [],
  defaultLevel: 'metadata',
  bodyBytesMax: 64 * 1024,
  bodyRetentionMs: 7 * 86_400_000,
  redactNames: [],
  redactPatterns: [],
};

const name = z.string().min(1, 'must not be empty');
const level = z.enum(LEVELS);

const levelRule = z.strictObject({
  server: setting(name.optional(), 'Name of an MCP server.'),
  tool: setting(name.optional(), "Name of a tool: the server's own, or as clients write it."),
  model: setting(name.optional(), 'Name of a model, as clients write it.'),
  key: setting(name.optional(), 'Alias or id of a key.'),
  level: setting(
    level,
    'none: no record, and no part in what was spent; metadata: who, what, when, sizes and costs; request: what was asked too; response: what was answered too.',
  ),
});

const pattern = z.string().superRefine((text, context) => {
  try {
    patternSource(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message.replace(/^".*?": /, '') });
  }
});

/** Keys of the section `ledger`. */
export const recordingShape = {
  levels: setting(
    z.array(levelRule).prefault([]),
    'How much is recorded of which calls; the first rule that fits counts, and metadata where none does. A "*" in a name stands for any text. Denied calls always leave their metadata.',
  ),
  body_bytes_max: setting(
    byteSize().prefault('64KiB'),
    'How much is kept of one request or answer at the levels request and response.',
  ),
  body_retention: setting(
    duration('s').prefault('7d'),
    'How long requests and answers are kept; whole days (UTC) are removed. The rows of their calls outlive them.',
  ),
  redact: setting(
    z
      .strictObject({
        names: setting(
          z.array(name).prefault([]),
          'Names of members and columns whose values are secrets, besides password, token, api_key and the like. Case, "-" and "_" make no difference.',
        ),
        patterns: setting(
          z.array(pattern).prefault([]),
          'Shapes of secrets: "#" is a digit, "?" a letter or digit, and "*" at the end the rest of the word. For example "ACME-####-*".',
        ),
      })
      .prefault({}),
    'What else is a secret. Secrets are replaced before anything is written, by a code that is the same for the same secret.',
  ),
};

/** Of `general_settings` and `litellm_settings` (LiteLLM's spelling). */
export const recordingGeneralShape = {
  store_prompts_in_spend_logs: setting(
    z.boolean().optional(),
    'Whether requests and answers are kept (ledger.levels: response) where no rule says otherwise.',
  ),
};

const sectionSchema = z.object(recordingShape);
const generalSchema = z.object(recordingGeneralShape);

/** The slice from `ledger` and `general_settings`. */
export function resolveRecording(
  section: z.output<typeof sectionSchema>,
  general: z.output<typeof generalSchema>,
): RecordingConfig {
  return {
    levels: section.levels,
    defaultLevel: general.store_prompts_in_spend_logs === true ? 'response' : 'metadata',
    bodyBytesMax: section.body_bytes_max,
    bodyRetentionMs: section.body_retention,
    redactNames: section.redact.names,
    redactPatterns: section.redact.patterns,
  };
}
