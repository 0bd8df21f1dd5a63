import { describe, expect, it } from 'vitest';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import {
  factsFor,
  goldenEvents,
  type Loose,
  readEvents,
  writeEvents,
} from '../../../../test/support/responses-wire.ts';
import { RESPONSES } from './format.ts';

const STREAMS = ['stream-mcp.jsonl', 'stream-agent.jsonl', 'stream-incomplete.jsonl'];

/** A request that repeats as the golden response does. */
function sourceOf(response: Loose): Loose {
  return { ...response, input: 'hello', metadata: undefined };
}

describe.each(STREAMS)('the stream %s of the official API', (name) => {
  const golden = goldenEvents(name);
  const final = golden.at(-1)!['response'] as Loose;
  const facts = (): ReturnType<typeof factsFor> => ({
    ...factsFor(sourceOf(final)),
    model: final['model'] as string,
    now: () => ((final['completed_at'] as number | null) ?? 0) * 1000,
  });

  it('is written event for event as it was read', () => {
    const written = writeEvents(readEvents(golden), facts());
    expect(written).toEqual(golden);
  });

  it('leads to the same response in one piece', () => {
    const answer = buildAnswer(readEvents(golden));
    expect(RESPONSES.writeAnswer(answer, facts())).toEqual(final);
  });

  it('says the same as its response in one piece', () => {
    const answer = buildAnswer(RESPONSES.readAnswer(final));
    expect(answer).toEqual(buildAnswer(readEvents(golden)));
  });
});
