export interface SseEvent {
  readonly event: string | undefined;
  readonly data: string;
}

/** The events in bytes of a stream, as a strict client splits them. Throws on anything that is not a whole event. */
export function sseEvents(bytes: Buffer | string): readonly SseEvent[] {
  const text = bytes.toString().replaceAll('\r\n', '\n');
  if (text === '') return [];
  if (!text.endsWith('\n\n')) throw new Error('The bytes do not end with a whole event.');
  return text
    .slice(0, -2)
    .split('\n\n')
    .map((block) => {
      let event: string | undefined;
      const data: string[] = [];
      for (const line of block.split('\n')) {
        if (line.startsWith('event: ')) event = line.slice(7);
        else if (line.startsWith('data: ')) data.push(line.slice(6));
        else if (!line.startsWith(':')) throw new Error(`Not a line of an event: ${line}`);
      }
      return { event, data: data.join('\n') };
    });
}

/** A golden file of a stream: the data of one event per line. */
export function goldenLines(text: string): readonly Buffer[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line));
}
