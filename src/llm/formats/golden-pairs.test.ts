import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { answerFacts } from '../../../test/support/llm/answer-facts.ts';
import { goldenLines, sseEvents } from '../../../test/support/llm/sse-events.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { AnswerBuilder } from '../conversation/answer-builder.ts';
import type { AnswerEvent, StopKind } from '../conversation/answer.ts';
import type { AnswerFacts } from '../conversation/format.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { inputObject } from '../conversation/json.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import type { Seen } from '../conversation/observer.ts';
import type { Part } from '../conversation/parts.ts';
import { FORMATS } from './formats.ts';

const FOLDER = new URL('../../../test/golden/', import.meta.url);
const NAMES = Object.keys(FORMATS) as FormatName[];

interface Golden {
  readonly from: FormatName;
  readonly file: string;
  readonly lines: readonly Buffer[];
}

function goldens(prefix: string): readonly Golden[] {
  return NAMES.flatMap((from) =>
    readdirSync(new URL(`${from}/`, FOLDER))
      .filter((file) => file.startsWith(prefix) && /\.(?:txt|jsonl)$/.test(file))
      .map((file) => ({
        from,
        file,
        lines: goldenLines(readFileSync(new URL(`${from}/${file}`, FOLDER), 'utf8')),
      })),
  );
}

const STREAMS = goldens('stream-');
const ERRORS = goldens('error-');
const pairs = (list: readonly Golden[]) => list.flatMap((golden) => NAMES.map((to) => ({ ...golden, to })));

/** What an answer says, in words that every format has. */
interface Facts {
  readonly text: string;
  readonly thoughts: string;
  readonly calls: readonly string[];
  readonly stop: StopKind;
  readonly usage: readonly [input: number, output: number];
}

const JOINED = /\s*\n\n/g;

function factsOf(events: readonly AnswerEvent[]): Facts {
  const builder = new AnswerBuilder();
  for (const event of events) builder.add(event);
  const { parts, stop, usage } = builder.answer();
  const textOf = (...kinds: readonly Part['kind'][]): string =>
    parts
      .map((part) => (kinds.includes(part.kind) && 'text' in part ? part.text : ''))
      // Where a format has one text, texts are joined with an empty line.
      .join('')
      .replaceAll(JOINED, '');
  return {
    text: textOf('text', 'refusal'),
    thoughts: textOf('thinking'),
    calls: parts.flatMap((part) =>
      // A format without namespaces has them in the name.
      part.kind === 'tool-call'
        ? [`${part.name.split('__').at(-1)} ${JSON.stringify(inputObject(part.input))}`]
        : [],
    ),
    // Only Messages has a word of its own for it.
    stop: stop.kind === 'refusal' ? 'content-filter' : stop.kind,
    // Messages writes a zero for what nobody told.
    usage: [usage?.input ?? 0, usage?.output ?? 0],
  };
}

/** What is read of these events, and how it ended. */
function read(
  format: FormatName,
  events: readonly { readonly event?: string | undefined; readonly data: Buffer | string }[],
): { readonly said: readonly AnswerEvent[]; readonly failure: LlmFailure | undefined } {
  const reader = FORMATS[format].answerReader();
  const said: AnswerEvent[] = [];
  try {
    for (const { event, data } of events) said.push(...reader.read(event, Buffer.from(data)));
    said.push(...reader.end());
  } catch (error) {
    if (!(error instanceof LlmFailure)) throw error;
    return { said, failure: error };
  }
  return { said, failure: undefined };
}

const clientFacts = (): AnswerFacts => ({
  ...answerFacts({ isStream: true }),
  source: { stream_options: { include_usage: true } },
});

function written(to: FormatName, said: readonly AnswerEvent[], failure?: LlmFailure): Buffer {
  const writer = FORMATS[to].answerWriter(clientFacts());
  const pieces = said.map((event) => writer.write(event));
  return Buffer.concat(failure === undefined ? pieces : [...pieces, writer.fail(failure)]);
}

describe('what a provider says arrives in every format', () => {
  test.each(pairs(STREAMS))('$from/$file as $to', ({ from, lines, to }) => {
    verifies('llm:golden-pairs');
    const { said, failure } = read(
      from,
      lines.map((data) => ({ data })),
    );
    expect(failure).toBeUndefined();
    const facts = factsOf(said);
    expect(facts.text + facts.thoughts + facts.calls.join() + facts.stop).toMatch(/\w/);
    const back = read(to, sseEvents(written(to, said)));
    expect(back.failure).toBeUndefined();
    expect(factsOf(back.said)).toEqual(facts);
  });
});

describe('an error in the midst of a stream is one in every format, with its words', () => {
  test.each(pairs(ERRORS))('$from/$file as $to', ({ from, lines, to }) => {
    verifies('llm:golden-pairs');
    const { said, failure } = read(
      from,
      lines.map((data) => ({ data })),
    );
    expect(failure?.message).toMatch(/boats|purse|vendor/);
    const back = read(to, sseEvents(written(to, said, failure)));
    expect(back.failure?.message).toContain(failure!.message);
    expect(back.said.some(({ kind }) => kind === 'end')).toBe(false);
  });
});

describe('what is seen of a stream that goes on unchanged is what a reader of it finds', () => {
  function watched({ from, lines }: Golden): Seen {
    const observer = FORMATS[from].observer();
    let seen: Seen | undefined;
    for (const line of lines) seen = observer.event(undefined, line);
    return seen!;
  }

  test.each(STREAMS)('$from/$file', (golden) => {
    const { said } = read(
      golden.from,
      golden.lines.map((data) => ({ data })),
    );
    const builder = new AnswerBuilder();
    for (const event of said) builder.add(event);
    const { usage, stop } = builder.answer();
    const seen = watched(golden);
    expect(seen.failure).toBeUndefined();
    expect(seen.isComplete).toBe(true);
    expect(seen.stop?.kind).toBe(stop.kind);
    expect(seen.usage).toEqual(usage);
    if (usage !== undefined) expect(seen.bytesSinceUsage).toBe(0);
    else expect(seen.bytesSinceUsage).toBeGreaterThan(0);
  });

  test.each(ERRORS)('$from/$file', (golden) => {
    const { failure } = read(
      golden.from,
      golden.lines.map((data) => ({ data })),
    );
    const seen = watched(golden);
    expect(seen.failure).toMatchObject({ kind: failure?.kind, message: failure?.message });
  });
});
