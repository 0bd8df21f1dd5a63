/** What the features of the conformance fixture are written against, so that each is written once for both eras and both SDKs. */

export type Json = Record<string, unknown>;

/** A question to the client, as `elicitation/create`, `sampling/createMessage` or `roots/list`. */
export interface Question {
  readonly method: string;
  readonly params: Json;
}

/**
 * A feature that cannot answer yet. A modern server returns this as `input_required` and starts again with the answers; a legacy server
 * sends the questions to the client while the request waits.
 */
export interface Asking {
  readonly ask: Readonly<Record<string, Question>>;
  /** What the feature wants to know again in the next round. Sealed where it passes through the client. */
  readonly state?: Json;
}

export type Answer = Json | Asking;

/** One round of one request. */
export interface Turn {
  readonly args: Json;
  /** Answers to the questions of the round before, by their key. From the client: anything may be in there. */
  readonly responses: Json;
  readonly state: Json | undefined;
  /** What the client declared. */
  readonly capabilities: Json;
  readonly progressToken: string | number | undefined;
  /** Sends a notification that belongs to this request. */
  notify(method: string, params: Json): Promise<void>;
  /** Sends a line of the log that belongs to this request, if the client wants it. */
  log(data: string): Promise<void>;
  /** Ends the stream on which the client waits for the answer, where there is one that can be resumed. */
  dropStream(): void;
}

/** A tool or a prompt: what the list says about it, and what it does. */
export interface Feature {
  readonly listed: { readonly name: string } & Json;
  answer(turn: Turn): Answer | Promise<Answer>;
}

/** A JSON-RPC error that both SDKs can be told to send. */
export class RpcError extends Error {
  readonly code: number;
  readonly data: Json;
  constructor(code: number, message: string, data: Json) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export function isAsking(answer: Answer): answer is Asking {
  return 'ask' in answer;
}

/** The content of an accepted elicitation, or nothing when there is none under that key. */
export function accepted(responses: Json, key: string): Json | undefined {
  const response = responses[key] as { action?: unknown; content?: unknown } | undefined;
  return response?.action === 'accept' && typeof response.content === 'object' && response.content !== null
    ? (response.content as Json)
    : undefined;
}
