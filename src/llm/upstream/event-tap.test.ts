import { describe, expect, test } from 'vitest';
import { randomSource, type RandomSource } from '../../../test/support/random.ts';
import { EVENT_BYTES_MAX, EventTap, EventTooLargeError } from './event-tap.ts';

type Told = readonly [event: string | undefined, data: string];

const TEXTS = [
  '',
  'a',
  '{"text":"größe 😀 日本"}',
  ' leading',
  'x: y',
  ':',
  '\u{FEFF}',
  'data',
  'e\u0301'.repeat(9),
];
const NAMES = ['message_start', 'ping', 'größe', ''];

/** A stream that says some events in one of the ways in which a server may, and what they are. */
function randomStream(random: RandomSource): { bytes: Buffer; events: Told[]; blocks: Buffer[] } {
  const style = random.pick(['\n', '\r\n', '\r', 'mixed']);
  const blocks: Buffer[] = [];
  const events: Told[] = [];
  let last = '';
  const line = (text: string): string => {
    let end = style === 'mixed' ? random.pick(['\n', '\r\n', '\r']) : style;
    // LF right behind CR would be the same break.
    if (text === '' && last === '\r' && end === '\n') end = '\r';
    last = end;
    return text + end;
  };
  const count = random.below(6);
  for (let at = 0; at < count; at++) {
    let text = at === 0 && random.chance(0.3) ? '\u{FEFF}' : '';
    let name: string | undefined;
    let data: string[] | undefined;
    const lines = text === '' ? random.below(5) : 1 + random.below(4);
    for (let one = 0; one < lines; one++) {
      const space = random.pick(['', ' ']);
      switch (random.pick(['data', 'data', 'event', 'comment', 'id', 'retry', 'bare'])) {
        case 'data': {
          // Without a space, a text that begins with one would lose it.
          const said = random.pick(TEXTS);
          text += line(`data:${said.startsWith(' ') ? ' ' : space}${said}`);
          (data ??= []).push(said);
          break;
        }
        case 'event':
          name = random.pick(NAMES);
          text += line(`event:${space}${name}`);
          break;
        case 'comment':
          text += line(`:${space}${random.pick(TEXTS)}`);
          break;
        case 'id':
          text += line(`id:${space}7`);
          break;
        case 'retry':
          text += line('retry: 3000');
          break;
        default:
          text += line(random.pick(['dataset: x', 'eventual: y', 'unknown']));
      }
    }
    text += line('');
    blocks.push(Buffer.from(text));
    if (data !== undefined) events.push([name, data.join('\n')]);
  }
  return { bytes: Buffer.concat(blocks), events, blocks };
}

function cut(bytes: Buffer, random: RandomSource): Buffer[] {
  const chunks: Buffer[] = [];
  const longest = random.pick([1, 2, 7, 40, 1_000]);
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + random.below(longest));
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

function run(chunks: readonly Buffer[], passes: (told: Told) => boolean = () => true) {
  const told: Told[] = [];
  const tap = new EventTap((event, data) => {
    told.push([event, data.toString('utf8')]);
    return passes(told.at(-1)!);
  });
  // A reader may overwrite what it has handed in.
  const passed = chunks.map((chunk) => Buffer.from(tap.push(Buffer.from(chunk))));
  return { told, passed: Buffer.concat(passed), tap };
}

const SEEDS = Array.from({ length: 400 }, (_, at) => at + 1);

describe('a stream cut anywhere', () => {
  test('says the same events and passes on the same bytes', () => {
    for (const seed of SEEDS) {
      const random = randomSource(seed);
      const { bytes, events } = randomStream(random);
      const { told, passed, tap } = run(cut(bytes, random));
      expect(told, `seed ${seed}`).toEqual(events);
      expect(passed.toString('utf8'), `seed ${seed}`).toBe(bytes.toString('utf8'));
      expect(passed.equals(bytes), `seed ${seed}`).toBe(true);
      expect(tap.isInside).toBe(false);
      expect(tap.flush()).toHaveLength(0);
    }
  });

  test('loses exactly the events that are not to be passed on', () => {
    for (const seed of SEEDS) {
      const random = randomSource(seed);
      const { bytes, blocks } = randomStream(random);
      const { passed } = run(cut(bytes, random), ([, data]) => !data.includes('a'));
      const kept = blocks.filter((block) => {
        const { told } = run([block]);
        return told.every(([, data]) => !data.includes('a'));
      });
      // Between a CR and its LF in the next chunk a block may end early; what is left over is an empty line.
      expect(withoutEmptyLines(passed), `seed ${seed}`).toBe(withoutEmptyLines(Buffer.concat(kept)));
    }
  });

  test('passes on whole events only', () => {
    const random = randomSource(7);
    for (let round = 0; round < 200; round++) {
      const { bytes } = randomStream(random);
      let passed = Buffer.alloc(0);
      const tap = new EventTap(() => true);
      for (const chunk of cut(bytes, random)) {
        passed = Buffer.concat([passed, tap.push(chunk)]);
        expect(passed.length === 0 || /(?:\n|\r)$/.test(passed.toString('latin1'))).toBe(true);
      }
    }
  });
});

function withoutEmptyLines(bytes: Buffer): string {
  return bytes
    .toString('utf8')
    .split(/\r\n|\r|\n/)
    .filter((line) => line !== '')
    .join('\n');
}

test('an event that ends without an empty line is told at the end, and ended', () => {
  const { told, passed, tap } = run([Buffer.from('data: a\n\nevent: b\nda'), Buffer.from('ta:c')]);
  expect(told).toEqual([[undefined, 'a']]);
  expect(passed.toString()).toBe('data: a\n\n');
  expect(tap.isInside).toBe(true);
  expect(tap.flush().toString()).toBe('event: b\ndata:c\n\n');
  expect(told.at(-1)).toEqual(['b', 'c']);
  expect(tap.flush()).toHaveLength(0);
});

test('an event that grows beyond its bound is refused, one below it is not', () => {
  const tap = new EventTap(() => true);
  const piece = Buffer.alloc(1024 * 1024, 0x61);
  tap.push(Buffer.from('data: '));
  for (let at = 0; at < EVENT_BYTES_MAX / piece.length - 1; at++) tap.push(piece);
  expect(() => {
    tap.push(piece);
  }).toThrow(EventTooLargeError);

  const sizes: number[] = [];
  const other = new EventTap((_, data) => sizes.push(data.length) > 0);
  other.push(Buffer.from('data: '));
  for (let at = 0; at < 15; at++) other.push(piece);
  expect(other.push(Buffer.from('\n\n'))).toHaveLength(15 * piece.length + 8);
  expect(sizes).toEqual([15 * piece.length]);
});
