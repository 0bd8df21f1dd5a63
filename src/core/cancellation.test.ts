import { describe, expect, it } from 'vitest';
import { Cancellation } from './cancellation.ts';

describe('a cancellation', () => {
  it('tells each listener once, in order, with the first reason', () => {
    const cancellation = new Cancellation();
    const heard: string[] = [];
    cancellation.on((reason) => heard.push(`a ${reason}`));
    cancellation.on((reason) => heard.push(`b ${reason}`));
    expect(cancellation.isCancelled).toBe(false);
    cancellation.cancel('first');
    cancellation.cancel('second');
    expect(heard).toEqual(['a first', 'b first']);
    expect(cancellation).toMatchObject({ isCancelled: true, reason: 'first' });
  });

  it('tells one who comes late at once', () => {
    const cancellation = new Cancellation();
    cancellation.cancel('gone');
    let heard = '';
    cancellation.on((reason) => {
      heard = reason;
    });
    expect(heard).toBe('gone');
  });

  it('does not tell who was taken off, be it by another listener while it is told', () => {
    const cancellation = new Cancellation();
    const heard: string[] = [];
    const taken = (): void => void heard.push('taken off before');
    const meanwhile = (): void => void heard.push('taken off meanwhile');
    cancellation.on(taken);
    cancellation.on(() => cancellation.off(meanwhile));
    cancellation.on(meanwhile);
    cancellation.on(() => heard.push('last'));
    cancellation.off(taken);
    cancellation.off(taken);
    cancellation.cancel('gone');
    expect(heard).toEqual(['last']);
  });

  it('lets wait for it', async () => {
    const cancellation = new Cancellation();
    const waited = cancellation.wait();
    cancellation.cancel('gone');
    await expect(waited).resolves.toBeUndefined();
    await expect(cancellation.wait()).resolves.toBeUndefined();
  });
});
