export interface SseEvent {
  readonly event: string | undefined;
  readonly data: string;
}

/** The events in bytes of a stream, as a strict client splits them. Throws on anything that is not a whole event. */
export function sseEvents(bytes: Buffer | string): readonly SseEvent[] {
  const text = bytes.toString().replaceAll('\r\n', '\n');
  if (text !== '' && !text.endsWith('\n')) throw new Error('The bytes do not end with a whole line.');
  const events: SseEvent[] = [];
  let event: string | undefined;
  let data: string[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    if (line.startsWith('event: ')) event = line.slice(7);
    else if (line.startsWith('data: ')) data.push(line.slice(6));
    else if (line === '') {
      if (data.length > 0) events.push({ event, data: data.join('\n') });
      event = undefined;
      data = [];
    } else if (!line.startsWith(':')) throw new Error(`Not a line of an event: ${line}`);
  }
  if (data.length > 0 || event !== undefined) throw new Error('The bytes do not end with a whole event.');
  return events;
}

/** A golden file of a stream: the data of one event per line. */
export function goldenLines(text: string): readonly Buffer[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line));
}
