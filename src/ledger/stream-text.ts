import { withoutLastWord } from '../core/redact.ts';

/** Members in which formats stream text piece by piece (Chat Completions, Responses, Messages, Gemini). */
const PIECES = new Set([
  'content',
  'text',
  'delta',
  'arguments',
  'partial_json',
  'thinking',
  'signature',
  'reasoning',
  'reasoning_content',
  'reasoning_text',
  'refusal',
  'input',
]);
/** Members that say which of several texts a piece belongs to. */
const PLACES = ['index', 'output_index', 'content_index', 'summary_index', 'item_id'] as const;
const DEPTH_MAX = 12;
const TEXTS_MAX = 500;

/**
 * A stream of events as one object: pieces of text put together, so that a secret that came in pieces is seen; of everything else the
 * last value. `undefined`: not a stream of JSON events. Where the stream `isCut`, words that may go on are left out.
 */
export function assembleStream(text: string, isCut: boolean): string | undefined {
  const events = eventsOf(text);
  if (events === undefined) return undefined;
  const texts = new Map<string, string>();
  const others = new Map<string, unknown>();
  for (const event of events) walk(event, '', '', 0, texts, others);
  const whole = [...texts].map(([path, value]) => [path, isCut ? withoutLastWord(value) : value]);
  return JSON.stringify({
    events: events.length,
    text: Object.fromEntries(whole),
    last: Object.fromEntries(others),
  });
}

function eventsOf(text: string): readonly unknown[] | undefined {
  const isEvents = /^(?::|data:|event:|id:|retry:)/.test(text);
  if (!isEvents) return undefined;
  const events: unknown[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (!line.startsWith('data:')) continue;
    try {
      events.push(JSON.parse(line.slice(5)));
    } catch {
      // "[DONE]", or the last one where it was cut.
    }
  }
  return events.length === 0 ? undefined : events;
}

function walk(
  value: unknown,
  path: string,
  name: string,
  depth: number,
  texts: Map<string, string>,
  others: Map<string, unknown>,
): void {
  if (typeof value === 'string' && PIECES.has(name)) {
    if (texts.has(path) || texts.size < TEXTS_MAX) texts.set(path, (texts.get(path) ?? '') + value);
  } else if (typeof value !== 'object' || value === null) {
    if (others.has(path) || others.size < TEXTS_MAX) others.set(path, value);
  } else if (depth < DEPTH_MAX) {
    const place = Array.isArray(value) ? '' : placeOf(value as Record<string, unknown>);
    const type = Array.isArray(value) ? '' : typeOf(value as Record<string, unknown>);
    for (const [key, member] of Object.entries(value)) {
      const isPlaced =
        Array.isArray(value) && typeof member === 'object' && member !== null && 'index' in member;
      const step = isPlaced ? '' : `${path === '' ? '' : '.'}${key}`;
      walk(member, `${path}${type}${place}${step}`, key, depth + 1, texts, others);
    }
  }
}

function placeOf(value: Record<string, unknown>): string {
  let place = '';
  for (const name of PLACES) {
    const index = value[name];
    if (typeof index === 'number' || typeof index === 'string') place += `[${index}]`;
  }
  return place;
}

/** Events of different types may say the same text again (Responses, `…done` and `…completed`). */
function typeOf(value: Record<string, unknown>): string {
  const type = value['type'];
  return typeof type === 'string' && type.includes('.') ? type : '';
}
