import { describe, expect, test } from 'vitest';
import { answerFacts } from '../../../../test/support/llm/answer-facts.ts';
import { readMessageStream } from '../../../../test/support/llm/messages-client.ts';
import {
  interleavedEvents,
  randomAnswer,
  randomRequest,
} from '../../../../test/support/llm/random-conversation.ts';
import { seededRandom } from '../../../../test/support/seeded-random.ts';
import { buildAnswer } from '../../conversation/answer-builder.ts';
import { Dropped } from '../../conversation/dropped.ts';
import type { JsonObject } from '../../conversation/parts.ts';
import { MESSAGES } from './format.ts';

const ROUNDS = 300;
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('random conversations', () => {
  test('a request written and read says the same', () => {
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const request = plain(randomRequest(seededRandom(seed), 'messages'));
      const dropped = new Dropped();
      const body = plain(MESSAGES.writeRequest(request, dropped));
      expect(dropped.names, `seed ${seed}`).toEqual([]);
      const again = MESSAGES.readRequest(body, { model: undefined, isStream: undefined });
      expect(plain(again), `seed ${seed}`).toEqual(request);
      expect(plain(MESSAGES.writeRequest(again, dropped)), `seed ${seed}`).toEqual(body);
    }
  });

  test('an answer streamed with its parts in disorder says what the whole one says', () => {
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const random = seededRandom(seed);
      const answer = randomAnswer(random, 'messages');
      const writer = MESSAGES.answerWriter(answerFacts());
      const bytes = Buffer.concat(interleavedEvents(answer, random).map((event) => writer.write(event)));
      const message = readMessageStream(bytes) as JsonObject;
      const whole = plain(MESSAGES.writeAnswer(answer, answerFacts()));
      expect(message['content'], `seed ${seed}`).toEqual(whole['content']);
      expect(message['usage'], `seed ${seed}`).toEqual(whole['usage']);
      const read = buildAnswer(MESSAGES.readAnswer(whole));
      expect(plain(read.parts), `seed ${seed}`).toEqual(plain(answer.parts));
      expect(read.usage, `seed ${seed}`).toEqual(answer.usage);
    }
  });
});
