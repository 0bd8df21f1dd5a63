import type { Stop, Usage } from '../../conversation/answer.ts';
import type { LlmFailure } from '../../conversation/llm-failure.ts';
import type { AnswerObserver, Seen } from '../../conversation/observer.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { allSaidBytes, saidBytes } from '../../conversation/said-bytes.ts';
import { readStreamError } from './errors.ts';
import { isObject, objectOf } from './json-members.ts';
import { readStop, signsOf } from './read-stop.ts';
import { readUsage } from './usage.ts';

/** The types whose data is looked into; every other is told by its name alone. */
const LAST = /^(?:response\.(?:completed|incomplete|failed|cancelled)|error)$/;
/** What a response has before anything is said. */
const SILENT: ReadonlySet<string> = new Set([
  'response.created',
  'response.queued',
  'response.in_progress',
  'keepalive',
]);
/** Ends the types of events that say more of something. */
const DELTA = '.delta';
const SAID = 'delta"';
/** In a whole answer. */
const WHOLE_SAID = ['text"', 'arguments"', 'input"', 'refusal"'];
/** How the type begins where an event has no `event:` line. Inside a text of the answer the quotes would be escaped. */
const TYPE_STARTS = ['"type":"response.', '"type": "response.', '"type":"error"', '"type": "error"'];

/** Watches a stream of Responses that goes on unchanged. Only the last event is parsed. */
export class ResponseObserver implements AnswerObserver, Seen {
  hasContent = false;
  isComplete = false;
  usage: Usage | undefined;
  stop: Stop | undefined;
  failure: LlmFailure | undefined;
  readonly isUsageAlone = false;
  bytesSinceUsage = 0;

  event(event: string | undefined, data: Buffer): Seen {
    const type = event === undefined || event === '' || event === 'message' ? typeOf(data) : event;
    if (type === undefined || SILENT.has(type)) return this;
    if (!LAST.test(type)) {
      this.hasContent = true;
      if (type.endsWith(DELTA)) this.bytesSinceUsage += saidBytes(data.toString('latin1'), SAID);
      return this;
    }
    const value = parsed(data);
    if (value === undefined) return this;
    const response = objectOf(value['response']);
    const error = response?.['error'] ?? value['error'];
    if (isObject(error) || (type !== 'response.completed' && type !== 'response.incomplete')) {
      this.failure ??= readStreamError(error ?? value);
      this.#readUsage(response ?? {});
    } else this.#complete(response ?? {}, type === 'response.incomplete');
    return this;
  }

  whole(body: Buffer): Seen {
    const response = parsed(body);
    if (response === undefined || !Array.isArray(response['output'])) return this;
    const { error, status } = response;
    if (isObject(error) || status === 'failed') this.failure = readStreamError(error);
    else if (status === undefined || status === 'completed' || status === 'incomplete')
      this.#complete(response, status === 'incomplete');
    // One that goes on in the background, or was cancelled there, is whole as far as it goes.
    else this.isComplete = true;
    this.#readUsage(response);
    if (this.usage === undefined) this.bytesSinceUsage = allSaidBytes(body.toString('latin1'), WHOLE_SAID);
    return this;
  }

  #complete(response: JsonObject, isIncomplete: boolean): void {
    this.isComplete = true;
    this.hasContent = true;
    this.#readUsage(response);
    this.stop = readStop(response, isIncomplete, signsOf(response));
  }

  #readUsage(response: JsonObject): void {
    const usage = readUsage(response);
    if (usage === undefined) return;
    this.usage = usage;
    if (usage.output > 0) this.bytesSinceUsage = 0;
  }
}

function typeOf(data: Buffer): string | undefined {
  for (const start of TYPE_STARTS) {
    const found = data.indexOf(start);
    if (found === -1) continue;
    const from = data.indexOf('"', found + '"type":'.length) + 1;
    return data.toString('latin1', from, data.indexOf('"', from));
  }
  return undefined;
}

function parsed(data: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(data.toString());
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
