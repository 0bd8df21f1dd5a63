import { Cancellation } from '../../core/cancellation.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Caller } from '../mcp-caller.ts';
import { isQuestion, missingFor, type QuestionMethod } from '../wire/capabilities.ts';
import { errorMessage, errorObject, resultMessage } from '../wire/compose.ts';
import type { RpcNotification, RpcRequest } from '../wire/message.ts';
import type { ActiveCall } from './active-call.ts';
import type { Attribution } from './attribution.ts';
import { HeldQuestions } from './held-questions.ts';
import { QuestionProgress } from './question-progress.ts';

const ELICITATIONS_MAX = 100;
/**
 * What a client answers to questions that it did not say it can be asked (2025-11-25, Roots, "Error Handling"), and to those that it can be
 * asked in another way alone (Elicitation, "Error Handling").
 */
const METHOD_UNKNOWN = -32601;
const PARAMS_INVALID = -32602;
const NO_ROOTS = Buffer.from('{"roots":[]}');

export interface ServerQuestionsDeps {
  readonly now: () => number;
  readonly calls: Attribution;
  readonly onAmbiguous: () => void;
  /** Whether the server ends when it is refused roots. */
  readonly needsRoots: () => boolean;
  /** Sends a message to the server. Never rejects. */
  readonly respond: (message: Buffer) => Promise<void>;
}

interface Open {
  /** Of the server's request, as JSON text; two calls may have the same. */
  readonly id: string;
  /** The call that it belongs to or, when that was only a guess among several of one client, one of those that are still under way. */
  call: ActiveCall;
  /** On whose own stream it came; `undefined`: on a shared one, so that the call is a guess. */
  readonly origin: ActiveCall | undefined;
  readonly cancellation: Cancellation;
}

interface Sent {
  readonly afterwards: Caller['afterwards'];
  readonly callId: number;
}

/**
 * What a server asks its client: to whom each question goes, and the way back of the answer. A question that came on a call's own stream
 * belongs to that call. On a shared stream it belongs to the only client whose calls are under way; when there are several it is held until
 * one is left, and the server is reported as one that cannot be shared.
 */
export class ServerQuestions {
  readonly #deps: ServerQuestionsDeps;
  readonly #open = new Set<Open>();
  readonly #held: HeldQuestions;
  /** Whether roots were refused because nobody could be asked. */
  hasRefusedRoots = false;
  /** Who was sent to a web page by a server that will tell when the user is done there. */
  readonly #elicitations = new Map<string, Sent>();

  constructor(deps: ServerQuestionsDeps) {
    this.#deps = deps;
    this.#held = new HeldQuestions(
      (request, call) => void this.#ask(request, request.method as QuestionMethod, call, undefined),
      (request) => this.#refuse(request, unclear()),
    );
  }

  receive(request: RpcRequest, related: ActiveCall | undefined): void {
    if (this.#isRepeated(request, related)) return;
    const call = related ?? this.#deps.calls.attribute();
    if (call === 'none' || !isQuestion(request.method)) void this.#deps.respond(this.withoutCall(request));
    else if (typeof call === 'object') void this.#ask(request, request.method, call, related);
    else {
      this.#deps.onAmbiguous();
      if (call === 'haunted') this.#refuse(request, unclear());
      else this.#held.hold(request, this.#deps.calls.calls());
    }
  }

  /** A call is over: its questions are void, and what was held may have become clear. */
  callEnded(call: ActiveCall, answered: boolean): void {
    if (this.#open.size > 0)
      for (const open of [...this.#open]) if (open.call === call) this.#leave(open, 'the call is over');
    this.#held.callEnded(call, answered);
  }

  /** The call of a question is over: so is the question, unless it may be another call's. */
  #leave(open: Open, reason: string): void {
    const another = open.origin === undefined ? this.#deps.calls.anotherOf(open.call) : undefined;
    if (another === undefined) open.cancellation.cancel(reason);
    else open.call = another;
  }

  /** The server wants no answer to one of its questions any more. */
  withdrawn(notification: RpcNotification, related: ActiveCall | undefined): void {
    const id = notification.params?.slice('requestId')?.toString('utf8');
    if (id === undefined) return;
    for (const open of [...this.#open])
      if (open.id === id && (related === undefined || open.call === related))
        open.cancellation.cancel('the server withdrew the question');
    this.#held.withdraw(id);
  }

  /** The user is done with a web page that an earlier question led to. */
  completed(notification: RpcNotification): void {
    const id = notification.params?.string('elicitationId');
    const sent = id === undefined ? undefined : this.#elicitations.get(id);
    if (sent === undefined) return;
    this.#elicitations.delete(id!);
    const { object } = notification;
    const message = object.bytes.subarray(object.start, object.end);
    // While the call is under way it has a stream, which the client may have no other of.
    const call = this.#deps.calls.get(sent.callId);
    if (call === undefined) sent.afterwards?.(message);
    else if (call.caller.era === 'legacy') call.caller.tell(message);
  }

  close(): void {
    this.#held.close();
    for (const { cancellation } of [...this.#open]) cancellation.cancel('the connection was closed');
  }

  async #ask(
    request: RpcRequest,
    method: QuestionMethod,
    call: ActiveCall,
    origin: ActiveCall | undefined,
  ): Promise<void> {
    const { caller } = call;
    const missing = missingFor(method, request.params, caller.capabilities);
    if (missing !== undefined) {
      const failure = new GatewayError(
        'capability-missing',
        { capability: Object.keys(missing).join(', ') },
        { data: { requiredCapabilities: missing } },
      );
      const { form, url, sampling } = caller.capabilities;
      const isKnown = method === 'elicitation/create' ? form || url : sampling && method !== 'roots/list';
      const code = isKnown ? PARAMS_INVALID : METHOD_UNKNOWN;
      void this.#deps.respond(errorMessage(request.idBytes, errorObject(failure, code)));
      // The server may do without. When it fails for it, a modern client is told what to declare.
      call.refused(failure);
      return;
    }
    const cancellation = new Cancellation();
    const open: Open = { id: request.idBytes.toString('utf8'), call, origin, cancellation };
    const onGivenUp = (reason: string): void => {
      if (open.call === call) this.#leave(open, reason);
    };
    const token = request.params?.child('_meta')?.slice('progressToken');
    const progress = token === undefined ? undefined : new QuestionProgress(token, this.#deps.respond);
    this.#open.add(open);
    caller.cancellation.on(onGivenUp);
    call.questionAsked(this.#deps.now());
    try {
      const elicitationId = request.params?.string('elicitationId');
      if (elicitationId !== undefined) this.#expectCompletion(elicitationId, call);
      const { params } = request;
      const reply = await caller.ask({
        // Different for 1 and "1".
        key: typeof request.id === 'string' ? request.id : `question-${request.id}`,
        method,
        params: params?.bytes.subarray(params.start, params.end),
        cancellation,
        onProgress: progress === undefined ? undefined : (report) => progress.report(report),
      });
      progress?.end();
      void this.#deps.respond(
        reply.kind === 'result'
          ? resultMessage(request.idBytes, reply.result.bytes.subarray(reply.result.start, reply.result.end))
          : errorMessage(request.idBytes, reply.error.bytes.subarray(reply.error.start, reply.error.end)),
      );
    } catch (error) {
      this.#refuse(request, asGatewayError(error));
    } finally {
      progress?.end();
      caller.cancellation.off(onGivenUp);
      call.questionAnswered(this.#deps.now());
      this.#open.delete(open);
    }
  }

  /**
   * The answer to a question that has no call: it needs a client behind one. Roots are often asked for right after the handshake; an empty list would be taken for the roots
   * of every client, so that is refused too: a server that wants them asks again in a call. One that ends over it gets the empty list.
   */
  withoutCall(request: RpcRequest): Buffer {
    if (!isQuestion(request.method))
      return refusal(request, new GatewayError('rpc-method', { method: request.method.slice(0, 100) }));
    if (request.method === 'roots/list') {
      if (this.#deps.needsRoots()) return resultMessage(request.idBytes, NO_ROOTS);
      this.hasRefusedRoots = true;
    }
    return refusal(
      request,
      new GatewayError('question-unanswerable', {
        reason: 'no call of a client is under way, so there is nobody to ask',
      }),
    );
  }

  /** Whether it is open already: the answer to the first is the answer to both. */
  #isRepeated(request: RpcRequest, related: ActiveCall | undefined): boolean {
    const id = request.idBytes.toString('utf8');
    if (related === undefined && this.#held.has(id)) return true;
    for (const open of this.#open) if (open.id === id && open.origin === related) return true;
    return false;
  }

  #refuse(request: RpcRequest, error: GatewayError): void {
    void this.#deps.respond(refusal(request, error));
  }

  #expectCompletion(id: string, { id: callId, caller }: ActiveCall): void {
    if (this.#elicitations.size >= ELICITATIONS_MAX)
      this.#elicitations.delete(this.#elicitations.keys().next().value!);
    this.#elicitations.set(id, { afterwards: caller.afterwards, callId });
  }
}

function refusal(request: RpcRequest, error: GatewayError): Buffer {
  return errorMessage(request.idBytes, errorObject(error));
}

function unclear(): GatewayError {
  return new GatewayError('question-unanswerable', {
    reason:
      'calls of several clients are under way on this connection, and nothing says whose question it is',
  });
}

function asGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError
    ? error
    : new GatewayError('internal', { request: 'of a server' }, { cause: error });
}
