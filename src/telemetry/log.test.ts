import { expect, it } from 'vitest';
import { createLog } from './log.ts';

interface Line {
  readonly message: string;
  readonly [field: string]: unknown;
}

/** A reader that reads when it is told to. */
function lazyReader() {
  const texts: string[] = [];
  const waiting: (() => void)[] = [];
  const write = (text: unknown, told?: unknown): boolean => {
    texts.push(String(text));
    waiting.push(told as () => void);
    return false;
  };
  return {
    output: { write } as unknown as NodeJS.WritableStream & { write: never },
    read: () => {
      for (const told of waiting.splice(0)) told();
    },
    get characters() {
      return texts.reduce((sum, text) => sum + text.length, 0);
    },
    lines: () =>
      texts
        .join('')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line),
  };
}

it('leaves lines out while nobody reads them, keeps room for errors, and says afterwards how many', () => {
  const reader = lazyReader();
  const log = createLog(reader.output, 'info', () => 0);
  const text = 'x'.repeat(10_000);
  for (let at = 0; at < 200; at++) log.info('much', { text });
  const info = reader.characters;
  expect(info).toBeLessThan(1.1 * 1024 * 1024);
  for (let at = 0; at < 200; at++) log.error('worse', { text });
  expect(reader.characters).toBeGreaterThan(info);
  expect(reader.characters).toBeLessThan(2.1 * 1024 * 1024);
  reader.read();
  reader.read();
  log.info('again');
  log.flush();
  const lines = reader.lines();
  const told = lines.filter(({ message }) => message.startsWith('lines of the log were left out'));
  expect(told).toHaveLength(1);
  expect(lines.filter(({ message }) => message === 'much' || message === 'worse')).toHaveLength(
    400 - Number(told[0]?.['lines']),
  );
  expect(lines.at(-1)?.message).toBe('again');
});

it('stays JSON when a secret in a value ends nowhere', () => {
  const reader = lazyReader();
  const log = createLog(reader.output, 'info', () => 0);
  log.setRedaction((text) => text.replace(/-----BEGIN[^]*/, '[redacted:key]'));
  log.warn('broken key', { reason: 'read -----BEGIN PRIVATE KEY----- MIIE', port: 4, missing: undefined });
  log.warn('none', { reason: 'read nothing' });
  expect(reader.lines()).toMatchObject([
    { message: 'broken key', reason: 'read [redacted:key]', port: '4' },
    { message: 'none', reason: 'read nothing' },
  ]);
});
