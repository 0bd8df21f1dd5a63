import type { Cancellation } from '../core/cancellation.ts';
import type { JsonObject } from '../core/json-scan.ts';
import type { ClientCapabilities, QuestionMethod } from './wire/capabilities.ts';
import type { LogLevel } from './wire/log-level.ts';
import type { RpcReply } from './wire/message.ts';
import type { Era } from './wire/revisions.ts';

/** Something that a server wants to know of the user or of the client before it answers a call. */
export interface Question {
  /** Different for the questions of one call that are open at the same time: the id of the server's request. */
  readonly key: string;
  readonly method: QuestionMethod;
  /** JSON text. */
  readonly params: Buffer | undefined;
  /** The server wants no answer any more. */
  readonly cancellation: Cancellation;
  /** Takes the params of what the client reports of its progress with it, when the server wants to know. */
  readonly onProgress: ((params: JsonObject) => void) | undefined;
}

/**
 * Who waits for the answer to a call: what they can do, and the ways to tell and to ask them something before it. The engine needs one
 * for each call; what is behind it (a stream, a parked call) is not its business.
 */
export interface Caller {
  readonly era: Era;
  readonly principalId: string;
  /** The same object for calls whose questions may be put to the same client in any of them; the caller itself when there are no others. */
  readonly conversation: object;
  /** Name of the conversation, for servers that have a connection for each of them. */
  readonly conversationId: string;
  readonly capabilities: ClientCapabilities;
  /** As the client wrote it: JSON text of a string or a number. */
  readonly progressToken: Buffer | undefined;
  /** The least severe level that the client wants to hear of; `undefined`: no log messages. */
  readonly logLevel: LogLevel | undefined;
  readonly cancellation: Cancellation;
  /** Tells the client something after the answer, outside of any call; `undefined`: there is no way. Holds nothing of the call. */
  readonly afterwards: ((message: Buffer) => void) | undefined;
  /** Passes a notification on, when there is a way. */
  tell(message: Buffer): void;
  /** The client's reply. Rejects with GatewayError `question-…` when it cannot be asked or does not answer. */
  ask(question: Question): Promise<RpcReply>;
}
