import { randomUUID } from 'node:crypto';
import type { AnswerEvent } from '../../conversation/answer.ts';
import { isObject, textOf } from '../../conversation/json.ts';
import type { JsonObject, Seal } from '../../conversation/parts.ts';
import { readSignature } from './sealed.ts';

interface Call {
  id: string | undefined;
  name: string;
  isFreeform: boolean;
  /** `undefined` until the name has come. */
  at: number | undefined;
  input: string;
  seal: Seal | undefined;
  isClosed: boolean;
}

/**
 * The calls of one answer as they come in pieces. OpenAI numbers them and names each once; imitators leave the numbers or the ids out, give every
 * call the number 0, or repeat id and name with every piece.
 */
export class CallReader {
  readonly #calls: Call[] = [];
  readonly #byIndex = new Map<number, Call>();
  readonly #newAt: () => number;
  #last: Call | undefined;

  constructor(newAt: () => number) {
    this.#newAt = newAt;
  }

  get hasAny(): boolean {
    return this.#calls.length > 0;
  }

  /** A piece of `tool_calls`. */
  read(piece: JsonObject, out: AnswerEvent[]): void {
    const isFreeform = isObject(piece['custom']);
    const about = isFreeform ? piece['custom'] : piece['function'];
    const members = isObject(about) ? about : {};
    const id = textOf(piece['id']) || undefined;
    const name = textOf(members['name']) || undefined;
    const index = typeof piece['index'] === 'number' ? piece['index'] : undefined;
    const call = this.#find(index, id, name) ?? this.#begin(index, out);
    this.#last = call;
    call.id ??= id;
    if (isFreeform || piece['type'] === 'custom') call.isFreeform = true;
    call.seal = readSignature(piece) ?? call.seal;
    this.#add(call, name, isFreeform ? members['input'] : members['arguments'], out);
  }

  /** A piece of `function_call`, of which there is only one. */
  readLegacy(piece: JsonObject, out: AnswerEvent[]): void {
    const call = this.#last ?? this.#begin(undefined, out);
    this.#last = call;
    this.#add(call, textOf(piece['name']) || undefined, piece['arguments'], out);
  }

  closeAll(out: AnswerEvent[]): void {
    for (const call of this.#calls) this.#close(call, out);
  }

  #find(index: number | undefined, id: string | undefined, name: string | undefined): Call | undefined {
    const known = index === undefined ? this.#last : this.#byIndex.get(index);
    if (known === undefined) return undefined;
    // Another id is another call, whatever the number says.
    if (id !== undefined && known.id !== undefined && id !== known.id)
      return this.#calls.find((call) => call.id === id);
    // Calls without numbers and ids begin with their names.
    const isNew = index === undefined && id === undefined && name !== undefined && known.at !== undefined;
    return isNew ? undefined : known;
  }

  #begin(index: number | undefined, out: AnswerEvent[]): Call {
    // A call whose input is whole is over when the next one begins; clients that take one after the other need not wait.
    if (this.#last !== undefined && isWhole(this.#last.input)) this.#close(this.#last, out);
    const call: Call = {
      id: undefined,
      name: '',
      isFreeform: false,
      at: undefined,
      input: '',
      seal: undefined,
      isClosed: false,
    };
    this.#calls.push(call);
    if (index !== undefined) this.#byIndex.set(index, call);
    return call;
  }

  #add(call: Call, name: string | undefined, piece: unknown, out: AnswerEvent[]): void {
    const text = isObject(piece) ? JSON.stringify(piece) : (textOf(piece) ?? '');
    if (call.isClosed) return;
    call.input += text;
    if (call.at !== undefined) {
      if (text !== '') out.push({ kind: 'input', at: call.at, text });
      return;
    }
    if (name === undefined) return;
    call.name = name;
    call.at = this.#newAt();
    call.id ??= `call_${randomUUID().replaceAll('-', '')}`;
    out.push({
      kind: 'part-start',
      at: call.at,
      part: {
        kind: 'tool-call',
        id: call.id,
        name,
        ...(call.isFreeform ? { isFreeform: true } : {}),
      },
    });
    if (call.input !== '') out.push({ kind: 'input', at: call.at, text: call.input });
  }

  #close(call: Call, out: AnswerEvent[]): void {
    if (call.isClosed || call.at === undefined) return;
    call.isClosed = true;
    if (call.seal !== undefined) out.push({ kind: 'seal', at: call.at, seal: call.seal });
    out.push({ kind: 'part-end', at: call.at });
  }
}

function isWhole(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
