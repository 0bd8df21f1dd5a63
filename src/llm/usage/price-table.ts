import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { picoOf } from './money.ts';
import type { Price, Rates } from './price.ts';

/** What the bundled list knows of a model. */
export interface ListedModel {
  readonly name: string;
  readonly mode: string;
  /** Tokens of input, and of output, at most. */
  readonly context: number | undefined;
  readonly outputMax: number | undefined;
  readonly price: Price;
}

const FILE = join(import.meta.dirname, 'prices.csv');
const PER_MILLION = -6;
const DATED = /-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$/;

/** The bundled list of models and their prices, `provider/model`. */
export class PriceTable {
  readonly #columns: readonly string[];
  readonly #rows: ReadonlyMap<string, string>;

  /** `text`: as in prices.csv. */
  constructor(text: string = readFileSync(FILE, 'utf8')) {
    const [head = '', ...lines] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    this.#columns = head.split(',');
    this.#rows = new Map(lines.map((line) => [line.slice(0, line.indexOf(',')), line]));
  }

  get names(): readonly string[] {
    return [...this.#rows.keys()];
  }

  /** A model under its name, or under that name without a date. */
  find(name: string): ListedModel | undefined {
    const line = this.#rows.get(name) ?? this.#rows.get(name.replace(DATED, ''));
    return line === undefined ? undefined : this.#read(line);
  }

  #read(line: string): ListedModel {
    const cells = line.split(',');
    const text = (column: string): string => cells[this.#columns.indexOf(column)] ?? '';
    const count = (column: string): number | undefined =>
      text(column) === '' ? undefined : Number(text(column));
    const ratesOf = (prefix: string): Rates => {
      const rate = (column: string): bigint | undefined => picoOf(text(prefix + column), PER_MILLION);
      return {
        input: rate('input'),
        output: rate('output'),
        cacheRead: rate('cache_read'),
        cacheWrite: rate('cache_write'),
        cacheWrite1h: rate('cache_write_1h'),
        audioInput: rate('audio_input'),
        audioOutput: rate('audio_output'),
        reasoning: rate('reasoning'),
      };
    };
    const above = count('long_above');
    return {
      name: text('model'),
      mode: text('mode'),
      context: count('context'),
      outputMax: count('output_max'),
      price: {
        standard: ratesOf(''),
        batch: ratesOf('batch_'),
        priority: ratesOf('priority_'),
        long: above === undefined ? undefined : { above, rates: ratesOf('long_') },
        second: undefined,
      },
    };
  }
}
