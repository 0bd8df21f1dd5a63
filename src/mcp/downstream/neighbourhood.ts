import type { Neighbours } from '../mcp-ports.ts';
import { type LogLevel, logLevel } from '../wire/log-level.ts';
import { readMessage, type RpcNotification, type RpcReply } from '../wire/message.ts';
import type { ClientQuestions } from './client-questions.ts';
import type { Session, Sessions } from './sessions.ts';

/** Whose session a word is about: its id, and the principal that said it. */
interface Whose {
  readonly s: string;
  readonly p: string;
}

/** What gateways tell each other of clients that speak to one of them about what another one does. */
type Word =
  | { readonly k: 'reply' | 'progress'; readonly p: string; readonly m: string }
  | ({ readonly k: 'cancel'; readonly id: string; readonly reason: string } & Whose)
  | ({ readonly k: 'say'; readonly m: string } & Whose)
  | ({ readonly k: 'level'; readonly level: string } & Whose)
  | ({ readonly k: 'unwatch'; readonly uri: string } & Whose)
  | ({ readonly k: 'end' } & Whose)
  | { readonly k: 'accepted'; readonly server: string };

export interface NeighbourhoodDeps {
  readonly neighbours: Neighbours;
  readonly sessions: Sessions;
  readonly questions: ClientQuestions;
  /** A tool of that server was accepted elsewhere. */
  readonly onAccepted: (server: string) => void;
}

/** What a client says here and means for another gateway, and what it says there and means for this one. */
export class Neighbourhood implements Disposable {
  readonly #deps: NeighbourhoodDeps;
  readonly #stop: () => void;

  constructor(deps: NeighbourhoodDeps) {
    this.#deps = deps;
    this.#stop = deps.neighbours.hear((word) => this.#hear(word));
  }

  /** Takes a client's reply to a question, whoever put it. */
  reply(reply: RpcReply, principalId: string): void {
    if (this.#deps.questions.answer(reply, principalId) || typeof reply.id !== 'string') return;
    this.#tell({ k: 'reply', p: principalId, m: reply.object.bytes.toString() });
  }

  /** Takes what a client reports of its progress with a question, whoever put it. */
  progress(notification: RpcNotification, principalId: string): void {
    if (this.#deps.questions.progress(notification, principalId)) return;
    this.#tell({ k: 'progress', p: principalId, m: notification.object.bytes.toString() });
  }

  /** Gives a call of a session up, whoever makes it. `id`: of the request, as JSON text. */
  cancel(session: Session, id: string, reason: string): void {
    const call = session.calls.get(id);
    if (call === undefined) this.#tell({ k: 'cancel', ...whose(session), id, reason });
    else call.cancel(reason);
  }

  /** Tells a session news on its stream, whoever has that. */
  tellSession(session: Session, message: Buffer): void {
    if (session.stream === undefined) this.#tell({ k: 'say', ...whose(session), m: message.toString() });
    session.tell(message);
  }

  setLevel(session: Session, level: LogLevel): void {
    session.logLevel = level;
    this.#tell({ k: 'level', ...whose(session), level });
  }

  /** Stops watching a resource for a session, whoever does. */
  unwatch(session: Session, uri: string): void {
    const stop = session.watched.get(uri);
    stop?.();
    session.watched.delete(uri);
    if (stop === undefined) this.#tell({ k: 'unwatch', ...whose(session), uri });
  }

  /** A session that its client ended. */
  end(session: Session): void {
    this.#deps.sessions.end(session);
    this.#tell({ k: 'end', ...whose(session) });
  }

  /** Tools of that server were accepted here. */
  accepted(server: string): void {
    this.#tell({ k: 'accepted', server });
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #tell(word: Word): void {
    this.#deps.neighbours.tell(JSON.stringify(word));
  }

  #hear(text: string): void {
    try {
      this.#act(JSON.parse(text) as Word);
    } catch {
      // A session that is not to be had here, or what another version says: nobody waits for an answer to it.
    }
  }

  #act(word: Word): void {
    const { questions, sessions, onAccepted } = this.#deps;
    switch (word.k) {
      case 'reply': {
        const reply = readMessage(Buffer.from(word.m));
        if (reply.kind === 'result' || reply.kind === 'error') questions.answer(reply, word.p);
        return;
      }
      case 'progress': {
        const progress = readMessage(Buffer.from(word.m));
        if (progress.kind === 'notification') questions.progress(progress, word.p);
        return;
      }
      case 'accepted':
        onAccepted(word.server);
        return;
      case 'level':
        sessions.find(word.s, word.p).logLevel = logLevel(word.level);
        return;
      case 'end':
        sessions.end(sessions.find(word.s, word.p));
        return;
      default:
    }
    const session = sessions.known(word.s, word.p);
    if (session === undefined) return;
    switch (word.k) {
      case 'cancel':
        session.calls.get(word.id)?.cancel(word.reason);
        return;
      case 'say':
        if (session.stream !== undefined) session.say(Buffer.from(word.m));
        return;
      case 'unwatch':
        session.watched.get(word.uri)?.();
        session.watched.delete(word.uri);
        return;
      default:
    }
  }
}

function whose({ id, principalId }: Session): Whose {
  return { s: id, p: principalId };
}
