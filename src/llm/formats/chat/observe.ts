import type { Stop, Usage } from '../../conversation/answer.ts';
import { isList, isObject } from '../../conversation/json.ts';
import { allSaidBytes, firstSaidBytes } from '../../conversation/said-bytes.ts';
import { LlmFailure } from '../../conversation/llm-failure.ts';
import type { AnswerObserver, Seen } from '../../conversation/observer.ts';
import type { Json, JsonObject } from '../../conversation/parts.ts';
import { readErrorObject } from './errors.ts';
import { readStop } from './stop.ts';
import { usageOf } from './usage.ts';

/** Names of members with the quote that ends them. The one that begins them is checked afterwards: a search for a rare letter is faster. */
const ERROR = 'error"';
const FINISH = 'finish_reason"';
const USAGE = 'usage"';
const TOOL_CALLS = 'tool_calls"';
const CHOICES = 'choices"';
const TIER = 'service_tier"';
const DONE_CHARS_MAX = 8;

const QUOTE = 0x22;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const LIST = 0x5b;
const COLON = 0x3a;

/** Members of a delta or message that say something to its reader. */
const CONTENT = [
  'content',
  'reasoning_content',
  'reasoning',
  'refusal',
  'tool_calls',
  'function_call',
  'reasoning_details',
  'thinking_blocks',
  'audio',
];

/** Members whose texts cost tokens. */
const SAID = ['content"', 'arguments"', 'reasoning_content"', 'reasoning"', 'refusal"', 'input"'];

/** Watches an answer of Chat Completions that goes on unchanged. An event is parsed only when it holds a needle, or nothing has been said yet. */
export class ChatObserver implements AnswerObserver, Seen {
  hasContent = false;
  isComplete = false;
  usage: Usage | undefined;
  stop: Stop | undefined;
  failure: LlmFailure | undefined;
  isUsageAlone = false;
  bytesSinceUsage = 0;
  #hasCalls = false;
  #hasRefusal = false;

  event(_event: string | undefined, data: Buffer): Seen {
    this.isUsageAlone = false;
    const text = data.toString('latin1');
    if (text.length <= DONE_CHARS_MAX && text.trim() === '[DONE]') {
      // A stream that says nothing at all is no answer.
      if (this.hasContent) this.isComplete = true;
      return this;
    }
    this.bytesSinceUsage += firstSaidBytes(text, SAID);
    if (!this.#hasCalls && valueAt(text, TOOL_CALLS, LIST) >= 0) this.#hasCalls = true;
    const isQuiet =
      this.hasContent &&
      valueAt(text, FINISH, QUOTE) < 0 &&
      valueAt(text, USAGE, OPEN) < 0 &&
      !hasError(text);
    if (!isQuiet) this.#parse(data);
    return this;
  }

  whole(body: Buffer): Seen {
    const text = body.toString('latin1');
    if (!isWhole(text) || hasError(text) || valueAt(text, CHOICES, LIST) < 0) {
      this.#parseWhole(body);
      return this;
    }
    this.hasContent = true;
    this.isComplete = true;
    this.#hasCalls = valueAt(text, TOOL_CALLS, LIST) >= 0;
    const finish = valueAt(text, FINISH, QUOTE);
    if (finish >= 0)
      this.stop = this.#stopOf({ finish_reason: text.slice(finish + 1, text.indexOf('"', finish + 1)) });
    const usage = valueAt(text, USAGE, OPEN);
    const tier = valueAt(text, TIER, QUOTE);
    if (usage >= 0)
      this.usage = usageOf({
        usage: objectAt(text, usage),
        ...(tier < 0 ? {} : { service_tier: text.slice(tier + 1, text.indexOf('"', tier + 1)) }),
      });
    else this.bytesSinceUsage = allSaidBytes(text, SAID);
    return this;
  }

  #parse(data: Buffer): void {
    const chunk = parsed(data.toString('utf8'));
    if (!isObject(chunk)) {
      this.failure ??= new LlmFailure('upstream', 'The provider sent an event that is not a JSON object.', {
        status: 502,
      });
      return;
    }
    const choices = isList(chunk['choices']) ? chunk['choices'].filter(isObject) : [];
    const usage = usageOf(chunk);
    if (usage !== undefined) {
      this.usage = usage;
      if (usage.output > 0) this.bytesSinceUsage = 0;
    }
    this.isUsageAlone = usage !== undefined && choices.length === 0;
    for (const choice of choices) this.#take(choice);
    if (chunk['error'] !== undefined && chunk['error'] !== null) this.failure = readErrorObject(chunk);
    else if (choices.length === 0 && chunk['object'] === 'error') this.failure = readErrorObject(chunk);
  }

  #take(choice: JsonObject): void {
    const said = isObject(choice['delta']) ? choice['delta'] : choice['message'];
    if (isObject(said)) {
      if (CONTENT.some((name) => says(said[name]))) this.hasContent = true;
      if (says(said['tool_calls']) || says(said['function_call'])) this.#hasCalls = true;
      if (says(said['refusal'])) this.#hasRefusal = true;
    }
    if (typeof choice['finish_reason'] !== 'string') return;
    if (choice['finish_reason'] === 'error') {
      this.failure = readErrorObject({ error: choice['error'] ?? null });
      return;
    }
    this.hasContent = true;
    this.isComplete = true;
    this.stop = this.#stopOf(choice);
  }

  #stopOf(choice: JsonObject): Stop {
    return readStop(choice, { hasCalls: this.#hasCalls, hasRefusal: this.#hasRefusal });
  }

  #parseWhole(body: Buffer): void {
    const value = parsed(body.toString('utf8'));
    if (!isObject(value) || !isList(value['choices'])) {
      this.failure = notAnAnswer(body, value);
      return;
    }
    this.#parse(body);
    this.isUsageAlone = false;
    if (this.usage === undefined) this.bytesSinceUsage = allSaidBytes(body.toString('latin1'), SAID);
    this.hasContent = true;
    this.isComplete = this.failure === undefined;
  }
}

/** A body without `choices` that came with status 200. */
export function notAnAnswer(body: Buffer, value: Json | undefined): LlmFailure {
  if (isObject(value) && value['error'] !== undefined && value['error'] !== null)
    return readErrorObject(value);
  if (isObject(value) && (value['object'] === 'error' || value['detail'] !== undefined))
    return readErrorObject(value);
  const excerpt = body.subarray(0, 200).toString('utf8').replaceAll(/\s+/g, ' ').trim();
  return new LlmFailure(
    'upstream',
    excerpt === ''
      ? 'The provider answered with an empty body.'
      : `The provider answered something that is not a chat completion: ${JSON.stringify(excerpt)}.`,
    { status: 502 },
  );
}

function says(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return false;
  return !(isList(value) && value.length === 0);
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** Whether a text is an object from its beginning to its end, as far as a look at both can tell. */
function isWhole(text: string): boolean {
  const last = text.length - 1;
  if (text.charCodeAt(0) === OPEN && text.charCodeAt(last) === CLOSE) return last > 0;
  return /^\s*\{/.test(text.slice(0, 64)) && /\}\s*$/.test(text.slice(-64));
}

/** `"error"` with something in it. Quotes inside of strings are escaped, so what is found is a member's name. */
function hasError(text: string): boolean {
  return valueAt(text, ERROR, OPEN) >= 0 || valueAt(text, ERROR, QUOTE) >= 0;
}

/** Where the value of a member of this name begins whose first character is `first`; -1: nowhere. */
function valueAt(text: string, name: string, first: number): number {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (text.charCodeAt(at - 1) !== QUOTE) continue;
    let next = skipSpace(text, at + name.length);
    if (text.charCodeAt(next) !== COLON) continue;
    next = skipSpace(text, next + 1);
    if (text.charCodeAt(next) === first) return next;
  }
  return -1;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** The object that begins here. Counts braces, which is right for objects without braces in their strings, as usage is; else nothing. */
function objectAt(text: string, from: number): Json | undefined {
  let depth = 1;
  let open = text.indexOf('{', from + 1);
  for (let close = text.indexOf('}', from); close >= 0; close = text.indexOf('}', close + 1)) {
    for (; open >= 0 && open < close; open = text.indexOf('{', open + 1)) depth += 1;
    depth -= 1;
    if (depth === 0) return parsed(text.slice(from, close + 1));
  }
  return undefined;
}
