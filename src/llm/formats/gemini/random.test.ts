import { describe, expect, test } from 'vitest';
import { answerFacts } from '../../../../test/support/llm/answer-facts.ts';
import {
  joinedParts,
  readGeminiChunks,
  readGeminiStream,
} from '../../../../test/support/llm/gemini-client.ts';
import {
  interleavedEvents,
  randomAnswer,
  randomRequest,
} from '../../../../test/support/llm/random-conversation.ts';
import { seededRandom } from '../../../../test/support/seeded-random.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import { Dropped } from '../../conversation/dropped.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { GEMINI } from './format.ts';

const ROUNDS = 300;
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('random conversations', () => {
  test('a request written and read says the same', () => {
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const request = { ...plain(randomRequest(seededRandom(seed), 'gemini')), model: 'gemini-2.5-pro' };
      const dropped = new Dropped();
      const body = plain(GEMINI.writeRequest(request, dropped));
      expect(dropped.names, `seed ${seed}`).toEqual([]);
      const again = GEMINI.readRequest(body, { model: request.model, isStream: request.isStream });
      expect(plain(again), `seed ${seed}`).toEqual(request);
      expect(plain(GEMINI.writeRequest(again, dropped)), `seed ${seed}`).toEqual(body);
    }
  });

  test('an answer streamed with its parts in disorder says what the whole one says', () => {
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const random = seededRandom(seed);
      const answer = randomAnswer(random, 'gemini');
      const writer = GEMINI.answerWriter(answerFacts());
      const bytes = Buffer.concat(interleavedEvents(answer, random).map((event) => writer.write(event)));
      const streamed = readGeminiStream(bytes);
      const whole = plain(GEMINI.writeAnswer(answer, answerFacts()));
      const { parts } = readGeminiChunks([whole]);
      expect(joinedParts(streamed.parts), `seed ${seed}`).toEqual(joinedParts(parts));
      expect(streamed.last['usageMetadata'], `seed ${seed}`).toEqual(whole['usageMetadata']);
      const read = buildAnswer(GEMINI.readAnswer(whole));
      expect(read.usage, `seed ${seed}`).toEqual(answer.usage);
      const request = { contents: [{ role: 'model', parts: [...streamed.parts] }] } as unknown as JsonObject;
      // What a client brings back that recorded the stream.
      const turn = GEMINI.readRequest(request, { model: 'm', isStream: true }).turns[0];
      const said = (list: typeof answer.parts): unknown =>
        list.map((part) => (part.kind === 'tool-call' ? [part.name, part.input] : [part.kind]));
      expect(said(read.parts), `seed ${seed}`).toEqual(said(buildAnswer(GEMINI.readAnswer(whole)).parts));
      expect(
        turn?.parts.filter(({ kind }) => kind === 'tool-call'),
        `seed ${seed}`,
      ).toEqual(answer.parts.filter(({ kind }) => kind === 'tool-call'));
    }
  });
});
