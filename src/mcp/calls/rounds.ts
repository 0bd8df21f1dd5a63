import { randomBytes } from 'node:crypto';
import { GatewayError } from '../../core/errors.ts';
import { type JsonObject, scanObject } from '../../core/json-scan.ts';
import type { Caller } from '../mcp-caller.ts';
import type { ServerReply } from '../upstream/connection.ts';
import { isQuestion, missingFor } from '../wire/capabilities.ts';
import { objectText } from '../wire/compose.ts';

/** Times that a server may ask for input within one call. */
const ROUNDS_MAX = 10;

/** What a stateless server wants back with the next try of a call, as JSON text. */
export interface Resume {
  readonly inputResponses: Buffer | undefined;
  readonly requestState: Buffer | undefined;
}

/** Whether a reply is a question back (2026-07-28, "Multi round-trip requests"). */
export function asksForInput({ reply, era }: ServerReply): boolean {
  return (
    era === 'modern' && reply.kind === 'result' && reply.result.string('resultType') === 'input_required'
  );
}

/**
 * Answers the questions of a stateless server for a client that can be asked directly, and tries the call again with the answers, until
 * there is a result. Rejects with GatewayError.
 */
export async function answerRounds(
  first: ServerReply,
  caller: Caller,
  again: (resume: Resume) => Promise<ServerReply>,
): Promise<ServerReply> {
  let current = first;
  for (let round = 0; asksForInput(current); round++) {
    if (round >= ROUNDS_MAX)
      throw new GatewayError('question-unanswerable', {
        reason: `it asked more than ${ROUNDS_MAX} times in one call`,
      });
    const { reply } = current;
    if (reply.kind !== 'result') break;
    const requests = reply.result.child('inputRequests');
    const inputResponses = requests === undefined ? undefined : await answerAll(requests, caller);
    current = await again({ inputResponses, requestState: reply.result.slice('requestState') });
  }
  return current;
}

async function answerAll(requests: JsonObject, caller: Caller): Promise<Buffer> {
  const answers = await Promise.all(
    requests.keys.map(async (key): Promise<readonly [string, Buffer]> => {
      const request = scanObject(requests.slice(key) ?? Buffer.from('null'), 2);
      return [key, await answerOne(request, caller)];
    }),
  );
  return objectText(answers);
}

async function answerOne(request: JsonObject, caller: Caller): Promise<Buffer> {
  const method = request.string('method') ?? '';
  if (!isQuestion(method))
    throw new GatewayError('question-unanswerable', { reason: `it asked for "${method.slice(0, 100)}"` });
  const params = request.child('params');
  const missing = missingFor(method, params, caller.capabilities);
  if (missing !== undefined)
    throw new GatewayError('question-unanswerable', {
      reason: `the client cannot do ${Object.keys(missing).join(', ')}`,
    });
  const reply = await caller.ask({
    key: method,
    method,
    params: params === undefined ? undefined : legacyParams(params),
    cancellation: caller.cancellation,
    // A stateless server cannot be told anything but the answer.
    onProgress: undefined,
  });
  if (reply.kind === 'error')
    throw new GatewayError('question-unanswerable', {
      reason: `the client answered with error ${String(reply.error.value('code'))}: ${reply.error.string('message')?.slice(0, 200) ?? ''}`,
    });
  return reply.result.bytes.subarray(reply.result.start, reply.result.end);
}

/** A web page that the user is sent to has an id in legacy revisions (2025-11-25, Elicitation, "URL mode"); the stateless one has none. */
function legacyParams(params: JsonObject): Buffer {
  const whole = params.bytes.subarray(params.start, params.end);
  if (params.string('mode') !== 'url' || params.has('elicitationId')) return whole;
  const id = JSON.stringify(randomBytes(12).toString('base64url'));
  return Buffer.concat([Buffer.from(`{"elicitationId":${id},`), whole.subarray(1)]);
}
