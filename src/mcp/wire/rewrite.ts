import { JsonSyntaxError, scanArray, scanObject } from '../../core/json-scan.ts';

/** Member names from the root down; `*` stands for every element of an array. */
export type JsonPath = readonly string[];

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: Buffer;
}

/**
 * JSON text with the strings at these paths changed and every other byte as it was; the very same bytes when nothing changed. `change`
 * returns the new value, or the old one to leave it. Values of other types at a path are left alone.
 */
export function rewriteStrings(
  bytes: Buffer,
  paths: readonly JsonPath[],
  change: (value: string) => string,
): Buffer {
  const edits: Edit[] = [];
  for (const path of paths) collect(bytes, bytes, path, 0, change, edits);
  if (edits.length === 0) return bytes;
  edits.sort((a, b) => a.start - b.start);
  const parts: Buffer[] = [];
  let at = 0;
  for (const edit of edits) {
    if (edit.start < at) continue;
    parts.push(bytes.subarray(at, edit.start), edit.text);
    at = edit.end;
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}

function collect(
  whole: Buffer,
  value: Buffer,
  path: JsonPath,
  depth: number,
  change: (value: string) => string,
  edits: Edit[],
): void {
  if (depth === path.length) {
    if (value[0] !== 0x22) return;
    const old = JSON.parse(value.toString('utf8')) as string;
    const text = change(old);
    if (text === old) return;
    const start = value.byteOffset - whole.byteOffset;
    edits.push({ start, end: start + value.length, text: Buffer.from(JSON.stringify(text)) });
    return;
  }
  const step = path[depth]!;
  for (const child of childrenAt(value, step)) collect(whole, child, path, depth + 1, change, edits);
}

function childrenAt(value: Buffer, step: string): readonly Buffer[] {
  try {
    if (step === '*') return value[0] === 0x5b ? scanArray(value) : [];
    if (value[0] !== 0x7b) return [];
    const child = scanObject(value, 1).slice(step);
    return child === undefined ? [] : [child];
  } catch (error) {
    if (error instanceof JsonSyntaxError) return [];
    throw error;
  }
}
