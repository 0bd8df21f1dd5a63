import { http, type HttpAnswer, rpc } from '../http.ts';
import { initialize } from '../resume-client.ts';

/** A call that was answered, by the id of its row. */
export interface Answered {
  readonly id: string;
  readonly key: string;
  /** `ok`: it was made; `refused`: a limit was in the way. */
  readonly outcome: 'ok' | 'refused';
}

/** What clients saw. */
export interface Seen {
  readonly answered: Answered[];
  /** Requests that were sent once more. */
  resent: number;
  /** Requests that got no answer the second time either, or one that nobody should get: what it was. */
  readonly lost: string[];
}

export interface StormOptions {
  readonly url: string;
  readonly clients: number;
  /** Of each client one, in turn. */
  readonly keys: readonly string[];
  readonly tool: string;
  readonly model: string;
  readonly isOver: () => boolean;
}

/**
 * Clients that call a tool in a session, a tool without one and a model, over and over until it is over. A request without an answer is sent
 * once more, as clients and load balancers do; what happens then counts.
 */
export async function storm(options: StormOptions): Promise<Seen> {
  const seen: Seen = { answered: [], resent: 0, lost: [] };
  await Promise.all(Array.from({ length: options.clients }, (_, at) => client(at, options, seen)));
  return seen;
}

async function client(
  at: number,
  { url, keys, tool, model, isOver }: StormOptions,
  seen: Seen,
): Promise<void> {
  const key = keys[at % keys.length]!;
  const twice = async <T>(what: string, send: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await send();
    } catch {
      seen.resent++;
    }
    try {
      return await send();
    } catch (error) {
      seen.lost.push(`${what}: ${String(error)}`);
      return undefined;
    }
  };
  const take = (what: string, answer: HttpAnswer | undefined): void => {
    if (answer === undefined) return;
    const outcome = outcomeOf(answer);
    if (outcome === undefined) seen.lost.push(`${what}: ${answer.status} ${answer.text.slice(0, 300)}`);
    else seen.answered.push({ id: String(answer.headers['x-request-id']), key, outcome });
  };
  const call = { jsonrpc: '2.0', id: at, method: 'tools/call', params: { name: tool, arguments: {} } };
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }], max_tokens: 10 });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const session = await twice('initialize', () => initialize(`${url}/mcp`, key));
  const turns = [
    () => rpc(`${url}/mcp`, key, call, session?.headers),
    () => rpc(`${url}/mcp`, key, call),
    () => http(`${url}/v1/chat/completions`, { method: 'POST', headers, body }),
  ];
  for (let turn = at; !isOver(); turn++)
    take(turn % 3 === 2 ? 'a model' : 'a tool', await twice('a request', turns[turn % 3]!));
}

/** `undefined`: what no client should see. */
function outcomeOf({ status, text }: HttpAnswer): Answered['outcome'] | undefined {
  const isLimit =
    /budget has been exceeded|budget of this key is reserved|rate limit|over its limit|limit exceeded/i.test(
      text,
    );
  if (status === 200) return isLimit ? 'refused' : /"isError":true|"error":/.test(text) ? undefined : 'ok';
  return isLimit && (status === 400 || status === 429) ? 'refused' : undefined;
}
