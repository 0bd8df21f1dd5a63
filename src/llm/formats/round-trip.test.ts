import { describe, expect, it } from 'vitest';
import { anyRequest } from '../../../test/support/llm/random-request.ts';
import { factsOf } from '../../../test/support/llm/request-facts.ts';
import { seededRandom } from '../../../test/support/seeded-random.ts';
import { verifies } from '../../../test/support/verifies.ts';
import { Dropped } from '../conversation/dropped.ts';
import type { FormatName } from '../conversation/format-name.ts';
import type { JsonObject } from '../conversation/parts.ts';
import type { ModelRequest } from '../conversation/request.ts';
import { FORMATS } from './formats.ts';

const ROUNDS = 300;
/** Models of which each takes something else. */
const MODELS: Readonly<Record<FormatName, readonly string[]>> = {
  chat: ['gpt-5.2', 'gpt-4.1', 'deepseek-r1', 'anthropic/claude-sonnet-4', 'mistral-large'],
  responses: ['gpt-5.2'],
  messages: ['claude-sonnet-4-5', 'claude-opus-4-7', 'claude-3-5-haiku', 'kimi-k2'],
  gemini: ['gemini-2.5-pro', 'gemini-3-flash-preview'],
};
const NAMES = Object.keys(MODELS) as FormatName[];
const PAIRS = NAMES.flatMap((there) =>
  NAMES.filter((back) => back !== there).map((back) => ({ there, back })),
);

/** The request as the other side of the wire reads it. */
function sent(request: ModelRequest, name: FormatName, model: string, dropped: Dropped): ModelRequest {
  const format = FORMATS[name];
  const body = JSON.parse(JSON.stringify(format.writeRequest({ ...request, model }, dropped))) as JsonObject;
  return format.readRequest(body, { model, isStream: request.isStream });
}

/** What was said before and is not said any more, and was not reported either. */
function lostBetween(before: ModelRequest, after: ModelRequest, dropped: Dropped): readonly string[] {
  const kept = new Set(factsOf(after).map(({ says }) => says));
  return factsOf(before)
    .filter(({ says, name }) => !kept.has(says) && !dropped.names.some((one) => name?.test(one) === true))
    .map(({ says }) => says);
}

/** Media in the result of a tool may have to follow in a message of their own. */
const MEDIA = /^(?:image|detail) /;

/** What both say, in the order in which `request` says it: media, then the rest. */
function order(request: ModelRequest, other: ModelRequest): readonly string[] {
  const shared = new Set(factsOf(other).map(({ says }) => says));
  const said = factsOf(request)
    .map(({ says }) => says)
    .filter((says) => shared.has(says) && !says.startsWith('failed '));
  return [...said.filter((says) => MEDIA.test(says)), ...said.filter((says) => !MEDIA.test(says))];
}

describe('random conversations over everything that can be said', () => {
  it.each(PAIRS)('$there → $back → $there', ({ there, back }) => {
    verifies('llm:round-trip');
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const random = seededRandom(seed);
      const said = anyRequest(random, there);
      const [own, foreign] = [random.pick(MODELS[there]), random.pick(MODELS[back])];
      const where = `seed ${seed}, ${own} → ${foreign}`;

      const [unsaid, lost, unreturned] = [new Dropped(), new Dropped(), new Dropped()];
      const asked = sent(said, there, own, unsaid);
      expect(lostBetween(said, asked, unsaid), `${where}, as the client says it`).toEqual([]);
      const passed = sent(asked, back, foreign, lost);
      expect(lostBetween(asked, passed, lost), `${where}, there: ${lost.names.join()}`).toEqual([]);
      const returned = sent(passed, there, own, unreturned);
      expect(lostBetween(passed, returned, unreturned), `${where}, back: ${unreturned.names.join()}`).toEqual(
        [],
      );

      expect(order(returned, asked), `${where}, in order`).toEqual(order(asked, returned));
      // Only one format knows them, and they are reported by their name.
      if (asked.extras?.members['novel'] !== undefined) expect(lost.names, where).toContain('novel');
    }
  });
});
