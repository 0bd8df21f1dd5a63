import { sseEvents } from './sse-events.ts';

type Members = Record<string, unknown>;
export interface GeminiPart extends Members {
  text?: string;
  thought?: boolean;
  thoughtSignature?: string;
}
export interface GeminiAnswer {
  /** All parts of all chunks, in order. */
  readonly parts: readonly GeminiPart[];
  readonly finishReason: string | undefined;
  readonly candidate: Members;
  /** The last chunk. */
  readonly last: Members;
}

/**
 * Reads a stream as Google's clients do: every line is data behind `data: `, every chunk has a candidate with parts (or feedback on the prompt),
 * no part is empty, the last chunk alone says why the answer ends.
 */
export function readGeminiStream(bytes: Buffer | string): GeminiAnswer {
  const chunks = sseEvents(bytes).map(({ event, data }) => {
    if (event !== undefined) throw new Error('Events have no names.');
    return JSON.parse(data) as Members;
  });
  return readGeminiChunks(chunks);
}

export function readGeminiChunks(chunks: readonly Members[]): GeminiAnswer {
  const parts: GeminiPart[] = [];
  let candidate: Members = {};
  for (const [index, chunk] of chunks.entries()) {
    const isLast = index === chunks.length - 1;
    if (chunk['candidates'] === undefined) {
      if (!isLast || chunk['promptFeedback'] === undefined) throw new Error('A chunk without candidates.');
      continue;
    }
    const [first] = chunk['candidates'] as Members[];
    if (first === undefined) throw new Error('A chunk without candidates.');
    const content = first['content'] as { parts: GeminiPart[]; role: string };
    if (content.role !== 'model' || content.parts.length === 0) throw new Error('A content without parts.');
    for (const part of content.parts) if (Object.keys(part).length === 0) throw new Error('An empty part.');
    parts.push(...content.parts);
    if ((first['finishReason'] !== undefined) !== isLast) throw new Error('The end is not at the end.');
    candidate = { ...candidate, ...first };
  }
  const last = chunks.at(-1);
  if (last === undefined) throw new Error('A stream without chunks.');
  return { parts, finishReason: candidate['finishReason'] as string | undefined, candidate, last };
}

/** Parts as they are when pieces of the same text are put together and empty ones left out. */
export function joinedParts(parts: readonly GeminiPart[]): readonly GeminiPart[] {
  const joined: GeminiPart[] = [];
  for (const part of parts) {
    const before = joined.at(-1);
    if (part.text === '' && part.thoughtSignature === undefined) continue;
    if (
      part.text !== undefined &&
      before?.text !== undefined &&
      before.thought === part.thought &&
      before.thoughtSignature === undefined
    )
      joined[joined.length - 1] = { ...before, ...part, text: before.text + part.text };
    else joined.push(part);
  }
  return joined;
}
