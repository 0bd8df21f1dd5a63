import { Cancellation } from '../../core/cancellation.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Caller } from '../mcp-caller.ts';
import { isQuestion, missingFor, type QuestionMethod } from '../wire/capabilities.ts';
import { errorMessage, errorObject, resultMessage } from '../wire/compose.ts';
import type { RpcNotification, RpcRequest } from '../wire/message.ts';
import type { ActiveCall } from './active-call.ts';
import type { Attribution } from './attribution.ts';

/** How long a question waits for the calls that it might belong to to become one, in milliseconds. */
const HELD_MS = 5_000;
const HELD_MAX = 100;
const ELICITATIONS_MAX = 100;
const NO_ROOTS = Buffer.from('{"roots":[]}');

export interface ServerQuestionsDeps {
  readonly now: () => number;
  readonly attribute: Attribution['attribute'];
  /** Another call under way of the same client. */
  readonly anotherOf: Attribution['anotherOf'];
  readonly onAmbiguous: () => void;
  /** Whether the server ends when it is refused roots. */
  readonly needsRoots: () => boolean;
  readonly respond: (message: Buffer) => void;
}

interface Open {
  /** The call that it belongs to or, when that was only a guess among several of one client, one of those that are still under way. */
  call: ActiveCall;
  readonly isGuess: boolean;
  readonly cancellation: Cancellation;
}

interface Held {
  readonly request: RpcRequest;
  readonly timer: NodeJS.Timeout;
}

/**
 * What a server asks its client: to whom each question goes, and the way back of the answer. A question that came on a call's own stream
 * belongs to that call. On a shared stream it belongs to the only client whose calls are under way; when there are several it is held until
 * one is left, and the server is reported as one that cannot be shared.
 */
export class ServerQuestions {
  readonly #deps: ServerQuestionsDeps;
  readonly #open = new Map<string, Open>();
  readonly #held = new Set<Held>();
  /** Whether roots were refused because nobody could be asked. */
  hasRefusedRoots = false;
  /** Who was sent to a web page by a server that will tell when the user is done there. */
  readonly #elicitations = new Map<string, Caller['afterwards']>();

  constructor(deps: ServerQuestionsDeps) {
    this.#deps = deps;
  }

  receive(request: RpcRequest, related: ActiveCall | undefined): void {
    if (!isQuestion(request.method)) {
      this.#refuse(request, new GatewayError('rpc-method', { method: request.method.slice(0, 100) }));
      return;
    }
    const call = related ?? this.#deps.attribute();
    if (call === 'ambiguous') this.#hold(request);
    else if (call === 'none') this.#withoutCall(request);
    else void this.#ask(request, request.method, call, related === undefined);
  }

  /** A call is over: its questions are void, and what was held may have become clear. */
  callEnded(call: ActiveCall): void {
    if (this.#open.size > 0)
      for (const open of [...this.#open.values()])
        if (open.call === call) this.#leave(open, 'the call is over');
    if (this.#held.size === 0) return;
    for (const held of [...this.#held]) {
      if (this.#deps.attribute() === 'ambiguous') return;
      this.#release(held);
      this.receive(held.request, undefined);
    }
  }

  /** The call of a question is over: so is the question, unless it may be another call's. */
  #leave(open: Open, reason: string): void {
    const another = open.isGuess ? this.#deps.anotherOf(open.call) : undefined;
    if (another === undefined) open.cancellation.cancel(reason);
    else open.call = another;
  }

  /** The server wants no answer to one of its questions any more. */
  withdrawn(notification: RpcNotification): void {
    const id = notification.params?.slice('requestId')?.toString('utf8');
    if (id === undefined) return;
    this.#open.get(id)?.cancellation.cancel('the server withdrew the question');
    for (const held of [...this.#held]) if (held.request.idBytes.toString('utf8') === id) this.#release(held);
  }

  /** The user is done with a web page that an earlier question led to. */
  completed(notification: RpcNotification): void {
    const id = notification.params?.string('elicitationId');
    if (id === undefined) return;
    const { object } = notification;
    this.#elicitations.get(id)?.(object.bytes.subarray(object.start, object.end));
    this.#elicitations.delete(id);
  }

  close(): void {
    for (const held of [...this.#held]) this.#release(held);
    for (const { cancellation } of [...this.#open.values()]) cancellation.cancel('the connection was closed');
  }

  async #ask(request: RpcRequest, method: QuestionMethod, call: ActiveCall, isGuess: boolean): Promise<void> {
    const { caller } = call;
    const missing = missingFor(method, request.params, caller.capabilities);
    if (missing !== undefined) {
      const failure = new GatewayError(
        'capability-missing',
        { capability: Object.keys(missing).join(', ') },
        { data: { requiredCapabilities: missing } },
      );
      this.#refuse(request, failure);
      // The server may do without. When it fails for it, a modern client is told what to declare.
      call.refused(failure);
      return;
    }
    const id = request.idBytes.toString('utf8');
    const cancellation = new Cancellation();
    const open: Open = { call, isGuess, cancellation };
    const onGivenUp = (reason: string): void => {
      if (open.call === call) this.#leave(open, reason);
    };
    this.#open.set(id, open);
    caller.cancellation.on(onGivenUp);
    call.questionAsked(this.#deps.now());
    try {
      const elicitationId = request.params?.string('elicitationId');
      if (elicitationId !== undefined) this.#expectCompletion(elicitationId, caller);
      const { params } = request;
      const reply = await caller.ask({
        // Different for 1 and "1".
        key: typeof request.id === 'string' ? request.id : `question-${request.id}`,
        method,
        params: params?.bytes.subarray(params.start, params.end),
        cancellation,
      });
      this.#deps.respond(
        reply.kind === 'result'
          ? resultMessage(request.idBytes, reply.result.bytes.subarray(reply.result.start, reply.result.end))
          : errorMessage(request.idBytes, reply.error.bytes.subarray(reply.error.start, reply.error.end)),
      );
    } catch (error) {
      this.#refuse(request, asGatewayError(error));
    } finally {
      caller.cancellation.off(onGivenUp);
      call.questionAnswered(this.#deps.now());
      this.#open.delete(id);
    }
  }

  /**
   * A question needs a client behind a call. Roots are often asked for right after the handshake; an empty list would be taken for the roots
   * of every client, so that is refused too: a server that wants them asks again in a call. One that ends over it gets the empty list.
   */
  #withoutCall(request: RpcRequest): void {
    if (request.method === 'roots/list') {
      if (this.#deps.needsRoots()) {
        this.#deps.respond(resultMessage(request.idBytes, NO_ROOTS));
        return;
      }
      this.hasRefusedRoots = true;
    }
    this.#refuse(
      request,
      new GatewayError('question-unanswerable', {
        reason: 'no call of a client is under way, so there is nobody to ask',
      }),
    );
  }

  #hold(request: RpcRequest): void {
    this.#deps.onAmbiguous();
    const unclear = new GatewayError('question-unanswerable', {
      reason:
        'calls of several clients are under way on this connection, and nothing says whose question it is',
    });
    if (this.#held.size >= HELD_MAX) {
      this.#refuse(request, unclear);
      return;
    }
    const held: Held = {
      request,
      timer: setTimeout(() => {
        this.#held.delete(held);
        this.#refuse(request, unclear);
      }, HELD_MS),
    };
    held.timer.unref();
    this.#held.add(held);
  }

  #release(held: Held): void {
    clearTimeout(held.timer);
    this.#held.delete(held);
  }

  #refuse(request: RpcRequest, error: GatewayError): void {
    this.#deps.respond(errorMessage(request.idBytes, errorObject(error)));
  }

  #expectCompletion(id: string, caller: Caller): void {
    if (this.#elicitations.size >= ELICITATIONS_MAX)
      this.#elicitations.delete(this.#elicitations.keys().next().value!);
    this.#elicitations.set(id, caller.afterwards);
  }
}

function asGatewayError(error: unknown): GatewayError {
  return error instanceof GatewayError
    ? error
    : new GatewayError('internal', { request: 'of a server' }, { cause: error });
}
