import { inspect } from 'node:util';

const PRINTED = '[secret]';

/** A value that no log, error or JSON can print. `reveal()` is the one way to it, so that every use is visible in the code. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return PRINTED;
  }

  toJSON(): string {
    return PRINTED;
  }

  [inspect.custom](): string {
    return PRINTED;
  }
}
