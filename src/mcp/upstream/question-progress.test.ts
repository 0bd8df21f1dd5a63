import { describe, expect, it } from 'vitest';
import { scanObject } from '../../core/json-scan.ts';
import { QuestionProgress } from './question-progress.ts';

const report = (progress: number) =>
  scanObject(Buffer.from(`{"progressToken":"lanport-x","progress":${progress},"future":[1.0]}`), 2);

function telling() {
  const told: string[] = [];
  const ends: (() => void)[] = [];
  const progress = new QuestionProgress(Buffer.from('7.0'), (message) => {
    told.push(message.toString());
    return new Promise((resolve) => ends.push(resolve));
  });
  const settle = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  };
  return { told, progress, settle };
}

describe('progress with a question', () => {
  it('is told under the token of who asked, byte for byte, one after the other, the last of those that wait', async () => {
    const { told, progress, settle } = telling();
    for (const at of [1, 2, 3]) progress.report(report(at));
    expect(told).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7.0,"progress":1,"future":[1.0]}}',
    ]);
    await settle();
    expect(told).toHaveLength(2);
    expect(told[1]).toContain('"progress":3');
    await settle();
    progress.report(report(4));
    expect(told[2]).toContain('"progress":4');
  });

  it('is not told any more once the question is answered', async () => {
    const { told, progress, settle } = telling();
    progress.report(report(1));
    progress.report(report(2));
    progress.end();
    await settle();
    progress.report(report(3));
    expect(told).toHaveLength(1);
  });
});
