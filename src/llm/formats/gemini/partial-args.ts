import { isObject, numberOf, textOf } from '../../conversation/json.ts';
import type { Json } from '../../conversation/parts.ts';

type Holder = Record<string, unknown>;

/** The input of a call that comes in pieces (`partialArgs`, each for one place of the object). */
export class PartialArgs {
  readonly #root: Holder = {};

  /** One piece: text goes on where a piece before it left off, everything else is set. */
  add(piece: Json): void {
    if (!isObject(piece)) return;
    const path = pathOf(textOf(piece['jsonPath']) ?? '$');
    const last = path.pop();
    if (last === undefined) return;
    let holder: Holder = this.#root;
    for (const [index, step] of path.entries()) {
      const next = path[index + 1] ?? last;
      holder = (holder[step] ??= typeof next === 'number' ? [] : {}) as Holder;
    }
    const text = textOf(piece['stringValue']);
    if (text !== undefined) {
      const before = holder[last];
      holder[last] = typeof before === 'string' ? before + text : text;
    } else if (typeof piece['boolValue'] === 'boolean') holder[last] = piece['boolValue'];
    else if (numberOf(piece['numberValue']) !== undefined) holder[last] = piece['numberValue'];
    else if ('nullValue' in piece) holder[last] = null;
  }

  get text(): string {
    return JSON.stringify(this.#root);
  }
}

/** `$.a.b[0]['c d']` as the steps from the root. Names that would reach outside of the data are taken as plain names. */
function pathOf(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const match of path.matchAll(/\.([^.[\]]+)|\[(\d+)\]|\[(?:'([^']*)'|"([^"]*)")\]/g)) {
    const name = match[1] ?? match[3] ?? match[4];
    const step = name ?? Number(match[2]);
    if (step === '__proto__') return [];
    steps.push(step);
  }
  return steps;
}
