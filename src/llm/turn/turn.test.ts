import { describe, expect, test } from 'vitest';
import type { AnswerEvent } from '../conversation/answer.ts';
import { LlmFailure } from '../conversation/llm-failure.ts';
import { runTurn, type TurnEnd, type TurnListener } from './turn.ts';

const START: AnswerEvent = { kind: 'start', id: 'a', model: 'm', createdAt: 1 };
const TEXT: AnswerEvent = { kind: 'text', at: 0, text: 'Hi' };
const USAGE: AnswerEvent = {
  kind: 'usage',
  usage: {
    input: 3,
    output: 1,
    cacheRead: 0,
    cacheWrite: 0,
    cacheWrite1h: 0,
    reasoning: 0,
    audioInput: 0,
    audioOutput: 0,
  },
};
const END: AnswerEvent = { kind: 'end' };
const CUT = new LlmFailure('cut', 'broken off', { status: 502 });
const GONE = new LlmFailure('internal', 'gone', { status: 499, code: 'client_gone' });

function turn(isSlow = false) {
  const heard: string[] = [];
  let listener: TurnListener | undefined;
  let leave: (failure: LlmFailure) => void = () => undefined;
  let drain: () => void = () => undefined;
  const result = runTurn(
    (one) => {
      listener = one;
      return {
        abort: () => heard.push('abort'),
        pause: () => heard.push('pause'),
        resume: () => heard.push('resume'),
      };
    },
    {
      onCommit: () => heard.push('commit'),
      onEvents: (events) => {
        heard.push(events.map(({ kind }) => kind).join('+'));
        return !isSlow;
      },
      onDrain: (one) => (drain = one),
    },
    (one) => {
      leave = one;
      return () => heard.push('forget');
    },
  );
  return { heard, result, say: listener!, leave: () => leave(GONE), drain: () => drain() };
}

describe('a turn', () => {
  test('is held back until there is content', async () => {
    const { heard, result, say } = turn();
    say.onEvents([START, { kind: 'ping' }]);
    expect(heard).toEqual([]);
    say.onEvents([TEXT]);
    say.onEvents([USAGE, { kind: 'stop', stop: { kind: 'end' } }, END]);
    say.onEnd();
    expect(heard).toEqual(['commit', 'start+ping+text', 'usage+stop+end', 'forget']);
    expect(await result).toMatchObject({ kind: 'done', stop: { kind: 'end' } });
  });

  test.each<[string, readonly AnswerEvent[], TurnEnd['kind']]>([
    ['before content has failed, and may be tried elsewhere', [START, USAGE], 'failed'],
    ['after content is broken', [START, USAGE, TEXT], 'broken'],
    ['after its end is done', [START, USAGE, TEXT, END], 'done'],
  ])('that fails %s', async (_, events, kind) => {
    const { heard, result, say } = turn();
    say.onEvents(events);
    say.onFailure(CUT);
    say.onEvents([TEXT]);
    say.onEnd();
    expect(await result).toMatchObject({ kind });
    expect(heard.includes('commit')).toBe(kind !== 'failed');
    expect(heard.at(-1)).toBe('forget');
  });

  test('whose client leaves is given up', async () => {
    const { heard, result, say, leave } = turn();
    say.onEvents([START, USAGE, TEXT]);
    leave();
    expect(await result).toMatchObject({ kind: 'broken', failure: GONE });
    expect(heard.slice(-2)).toEqual(['abort', 'forget']);
  });

  test('whose client has gone already is not even begun', async () => {
    const result = runTurn(
      () => {
        throw new Error('it was begun');
      },
      { onCommit: () => undefined, onEvents: () => true, onDrain: () => undefined },
      (leave) => {
        leave(GONE);
        return () => undefined;
      },
    );
    expect(await result).toMatchObject({ kind: 'failed', failure: GONE });
  });

  test('that begins with very much that is no content is let through', () => {
    const { heard, say } = turn();
    for (let at = 0; at < 64; at++) say.onEvents([{ kind: 'ping' }]);
    expect(heard).toEqual([]);
    say.onEvents([{ kind: 'ping' }]);
    expect(heard[0]).toBe('commit');
  });

  test('waits for a reader that is slow', () => {
    const { heard, say, drain } = turn(true);
    say.onEvents([TEXT]);
    expect(heard.at(-1)).toBe('pause');
    drain();
    expect(heard.at(-1)).toBe('resume');
  });
});
