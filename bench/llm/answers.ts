/** How the mock provider answers; a model's name says it: `whole`, or `stream-<events>-<events a chunk>-<milliseconds between chunks>`. */
export interface Manner {
  readonly events: number;
  readonly eventsPerChunk: number;
  /** 0: as fast as it goes. */
  readonly periodMs: number;
}

export const WHOLE = 'whole';
/** Digits of the time in microseconds that begins the text of each event. */
export const TIME_DIGITS = 16;
/** Before the time, and nowhere else in an answer. */
export const TIME_MARK = '@';
const ZERO_TIME = '0'.repeat(TIME_DIGITS);
const WHOLE_BYTES = 1_024;

export function streamModel({ events, eventsPerChunk, periodMs }: Manner): string {
  return `stream-${events}-${eventsPerChunk}-${periodMs}`;
}

/** What a model's name says; `undefined`: it answers whole. */
export function mannerOf(model: string): Manner | undefined {
  const found = /^stream-(\d+)-(\d+)-(\d+)$/.exec(model);
  if (found === null) return undefined;
  return { events: Number(found[1]), eventsPerChunk: Number(found[2]), periodMs: Number(found[3]) };
}

const ID = 'chatcmpl-CxQ4d9mBvY2nLk8pTsW1rZfG6hJa3';

/** A completion of about 1 KB. */
export function wholeAnswer(): string {
  const answer = (content: string): string =>
    JSON.stringify({
      id: ID,
      object: 'chat.completion',
      created: 1_790_000_000,
      model: 'gpt-4.1-mini-2025-04-14',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content, refusal: null, annotations: [] },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 24,
        completion_tokens: 120,
        total_tokens: 144,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
      },
      service_tier: 'default',
      system_fingerprint: 'fp_6b5a3f7c21',
    });
  return answer(`Given back. ${'x'.repeat(WHOLE_BYTES - answer('Given back. ').length)}`);
}

/** A streamed answer in pieces: what comes before the events, one event (its time to be put in), and what comes behind them. */
export interface StreamText {
  readonly before: string;
  readonly event: { readonly upToTime: string; readonly fromTime: string };
  readonly after: string;
}

/** As OpenAI writes it when the usage is asked for. */
export function chatStream(): StreamText {
  const about = `"id":"${ID}","object":"chat.completion.chunk","created":1790000000,"model":"gpt-4.1-mini-2025-04-14","service_tier":"default","system_fingerprint":"fp_6b5a3f7c21"`;
  const chunk = (delta: string, reason: string): string =>
    `data: {${about},"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${reason}}],"usage":null}\n\n`;
  const usage =
    '{"prompt_tokens":24,"completion_tokens":400,"total_tokens":424,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}';
  return {
    before: chunk('{"role":"assistant","content":"","refusal":null}', 'null'),
    event: cut(chunk(`{"content":"${TIME_MARK}${ZERO_TIME} some"}`, 'null')),
    after: `${chunk('{}', '"stop"')}data: {${about},"choices":[],"usage":${usage}}\n\ndata: [DONE]\n\n`,
  };
}

/** As Anthropic writes it. */
export function messagesStream(): StreamText {
  const event = (type: string, more: string): string => `event: ${type}\ndata: {"type":"${type}"${more}}\n\n`;
  return {
    before:
      event(
        'message_start',
        ',"message":{"id":"msg_01CxQ4d9mBvY2nLk8pTsW1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":24,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}',
      ) +
      event('content_block_start', ',"index":0,"content_block":{"type":"text","text":""}') +
      event('ping', ''),
    event: cut(
      event(
        'content_block_delta',
        `,"index":0,"delta":{"type":"text_delta","text":"${TIME_MARK}${ZERO_TIME} some"}`,
      ),
    ),
    after:
      event('content_block_stop', ',"index":0') +
      event(
        'message_delta',
        ',"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":400}',
      ) +
      event('message_stop', ''),
  };
}

function cut(event: string): StreamText['event'] {
  const at = event.indexOf(ZERO_TIME);
  return { upToTime: event.slice(0, at), fromTime: event.slice(at + TIME_DIGITS) };
}
