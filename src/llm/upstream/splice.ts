import type { JsonObject } from '../../core/json-scan.ts';

/** The object with some members replaced, added or (`undefined`) left out; every other byte is as it came. */
export function splice(object: JsonObject, changes: ReadonlyMap<string, Buffer | undefined>): Buffer {
  const parts: Buffer[] = [];
  let copiedTo = object.start + 1;
  const done: string[] = [];
  let members = 0;
  const push = (to: number): void => void parts.push(object.bytes.subarray(copiedTo, to));
  for (let at = 0; at < object.keys.length; at++) {
    const key = object.keys[at]!;
    if (!changes.has(key)) {
      members++;
      continue;
    }
    const value = changes.get(key);
    if (value !== undefined && !object.isVoid(at)) {
      push(object.startOf(at));
      parts.push(value);
      copiedTo = object.endOf(at);
      done.push(key);
      members++;
      continue;
    }
    // The member goes, with the comma before it or, when it is the first, the one behind it.
    const keyStart = memberStart(object, at);
    const next = at + 1 < object.keys.length ? memberStart(object, at + 1) : undefined;
    push(members === 0 ? keyStart : commaBefore(object.bytes, keyStart));
    copiedTo = members === 0 && next !== undefined ? next : object.endOf(at);
  }
  const close = object.end - 1;
  push(close);
  for (const [key, value] of changes) {
    if (value === undefined || done.includes(key)) continue;
    parts.push(Buffer.from(`${members++ === 0 ? '' : ','}${JSON.stringify(key)}:`), value);
  }
  return Buffer.concat([object.bytes.subarray(object.start, object.start + 1), ...parts, Buffer.from('}')]);
}

/** Where the key of the member at `at` begins: after the value before it, its comma and white space. */
function memberStart(object: JsonObject, at: number): number {
  const from = at === 0 ? object.start + 1 : object.endOf(at - 1);
  return object.bytes.indexOf(0x22, from);
}

function commaBefore(bytes: Buffer, from: number): number {
  let at = from - 1;
  while (bytes[at] !== 0x2c && bytes[at] !== 0x7b) at--;
  return bytes[at] === 0x2c ? at : at + 1;
}
