/** A call that the model wants made. */
export interface SdkCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

/** Tokens, in which cached ones are part of the input and thoughts are part of the output. */
export interface SdkUsage {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly reasoning: number;
}

/** What an SDK made of one answer. */
export interface SdkAnswer {
  readonly text: string;
  readonly thinking: string;
  readonly calls: readonly SdkCall[];
  /** In the words of the SDK's dialect. */
  readonly stop: string;
  readonly usage: SdkUsage;
}

/** A conversation that an SDK holds; it keeps the answers in its history as the SDK gave them. */
export interface SdkConversation {
  /** Asks `QUESTION` with `IMAGE`. */
  ask(): Promise<SdkAnswer>;
  /** Goes on with the results of the calls, by their ids. */
  goOn(results: ReadonlyMap<string, string>): Promise<SdkAnswer>;
}

/** What a provider was sent, in no format. */
export interface Received {
  readonly path: string;
  readonly model: string;
  readonly system: string;
  readonly question: string;
  readonly image: string | undefined;
  readonly tools: readonly {
    readonly name: string;
    readonly description: string;
    readonly schema: unknown;
  }[];
  readonly isStream: boolean;
  readonly thinks: boolean;
  readonly seals: readonly string[];
  readonly calls: readonly SdkCall[];
  /** As JSON or text, by the ids of the calls. */
  readonly results: Readonly<Record<string, string>>;
}

export const SYSTEM = 'You speak of weather, kurz und bündig.';
export const QUESTION = 'What of the two cities in the picture? ☔';
/** A PNG of one pixel. */
export const IMAGE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
export const TOOLS = [
  {
    name: 'get_weather',
    description: 'The weather in a city',
    schema: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' } },
      required: ['city'],
      additionalProperties: false,
    },
  },
  {
    name: 'get_time',
    description: 'The time there',
    schema: { type: 'object', properties: { zone: { type: 'string', enum: ['CET', 'JST'] } }, required: [] },
  },
] as const;

/** What the provider's model thinks, says and does first; ids of the calls are the provider's own. */
export const THOUGHT = 'Two cities are asked for: Köln and 東京.';
export const FIRST_TEXT = 'Ich prüfe — 天気 ☀️.';
export const CALLS = [
  { name: 'get_weather', input: { city: 'Köln', days: 2 } },
  { name: 'get_time', input: { zone: 'JST' } },
] as const;
export const FIRST_USAGE: SdkUsage = { input: 120, output: 80, cached: 64, reasoning: 30 };
export const RESULTS = ['21 °C and "dry"', '09:30'] as const;
/** Then. */
export const LAST_TEXT = 'Dry in Köln; 09:30 in 東京.';
export const LAST_USAGE: SdkUsage = { input: 240, output: 12, cached: 128, reasoning: 0 };
