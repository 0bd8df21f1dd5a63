import type { JsonObject, Part } from './conversation/parts.ts';

/** A tool of a server behind the gateway, as a model is offered it. */
export interface OfferedTool {
  /** The name under which clients know it; unique among the tools of one request. */
  readonly name: string;
  readonly server: string;
  /** The server's own name of it. */
  readonly originalName: string;
  readonly description: string | undefined;
  readonly schema: JsonObject;
}

/** What a call of a tool came to. */
export interface ToolOutcome {
  readonly content: readonly Part[];
  readonly isError: boolean;
}

/** The servers behind the gateway, as one principal may use them in one request. Every call passes the same verdict and ledger as one from `/mcp`. */
export interface ToolHost {
  /**
   * The tools of these servers, aliases or access groups (`undefined`: of all that the key may use), in an order that does not change while they
   * do not. Rejects with LlmFailure for names that are unknown or forbidden.
   */
  list(names: readonly string[] | undefined): Promise<readonly OfferedTool[]>;
  /** Calls a tool. `input`: JSON text. Trouble of the tool is an outcome with `isError`; rejects only when the request shall end. */
  call(tool: OfferedTool, input: string, signal: AbortSignal): Promise<ToolOutcome>;
}

/** A stored answer, for `previous_response_id` and `GET /v1/responses/{id}`. */
export interface StoredResponse {
  readonly id: string;
  readonly keyId: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /** JSON text: what Responses shows of it, and the conversation up to and with it. */
  readonly payload: string;
}

/** Keeps answers, per key. */
export interface ResponseStore {
  save(response: StoredResponse): Promise<void>;
  /** `undefined`: unknown, expired, or of another key. */
  load(id: string, keyId: string): Promise<StoredResponse | undefined>;
  /** Whether another key has one of this id, expired ones included. */
  isOthers(id: string, keyId: string): Promise<boolean>;
  /** Whether there was one. */
  remove(id: string, keyId: string): Promise<boolean>;
}

/** Where an answer goes: one whole answer, or one in pieces. */
export interface AnswerSink {
  readonly isGone: boolean;
  /** Calls `listener` when the client goes away before its answer is complete; returns the way to forget it. */
  onGone(listener: () => void): () => void;
  send(status: number, headers: Readonly<Record<string, string>>, body: Buffer): void;
  /** Begins an answer in pieces, whose head says 200. */
  begin(headers: Readonly<Record<string, string>>): void;
  /** `false`: the client reads slowly; more is to be written when `onDrain` has called. */
  write(bytes: Buffer): boolean;
  /** Calls `listener` once. */
  onDrain(listener: () => void): void;
  end(): void;
  /** Breaks the connection off, so that nobody takes the answer for whole. */
  cut(): void;
}
