// A mock provider on bare sockets, which does as little as can be: Chat Completions, and Messages at /v1/messages. The model's name says how
// it answers (answers.ts). Chunks that are to come at intervals are written by one clock, one stream after the other.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  chatStream,
  mannerOf,
  messagesStream,
  type StreamText,
  TIME_DIGITS,
  wholeAnswer,
} from './answers.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
const MODEL = Buffer.from('"model":"');
const LAST = '0\r\n\r\n';
const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nx-ratelimit-remaining-requests: 9999\r\nopenai-processing-ms: 12\r\nTransfer-Encoding: chunked\r\n\r\n';
const WHOLE = ((): Buffer => {
  const body = wholeAnswer();
  return Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-ratelimit-remaining-requests: 9999\r\nopenai-processing-ms: 12\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
})();
const TEXTS = { chat: chatStream(), messages: messagesStream() };
const TICK_MS = 1;

/** The present time in microseconds, the same in each process of the machine. */
function timeText(): string {
  const [seconds, nanoseconds] = process.hrtime();
  return String(seconds * 1_000_000 + Math.floor(nanoseconds / 1_000)).padStart(TIME_DIGITS, '0');
}

function chunkOf(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

interface Paced {
  readonly socket: Socket;
  readonly text: StreamText;
  readonly eventsPerChunk: number;
  left: number;
}

/** Streams that get a chunk once in a period, spread over it. */
class Wheel {
  readonly #slots: Set<Paced>[];
  #at = 0;
  #next = 0;
  readonly #startedMs = performance.now();

  constructor(periodMs: number) {
    this.#slots = Array.from({ length: periodMs / TICK_MS }, () => new Set<Paced>());
    setInterval(() => this.#turn(), TICK_MS);
  }

  add(stream: Paced): void {
    this.#slots[this.#next++ % this.#slots.length]!.add(stream);
  }

  #turn(): void {
    const now = (performance.now() - this.#startedMs) / TICK_MS;
    for (; this.#at < now; this.#at++) {
      const slot = this.#slots[this.#at % this.#slots.length]!;
      for (const stream of slot) if (!advance(stream)) slot.delete(stream);
    }
  }
}

function advance(stream: Paced): boolean {
  const { socket, text, eventsPerChunk } = stream;
  const event = `${text.event.upToTime}${timeText()}${text.event.fromTime}`;
  const count = Math.min(eventsPerChunk, stream.left);
  socket.write(chunkOf(event.repeat(count)), 'latin1');
  stream.left -= count;
  if (stream.left > 0) return !socket.destroyed;
  socket.write(chunkOf(text.after) + LAST, 'latin1');
  return false;
}

const wheels = new Map<number, Wheel>();
const burstChunks = new Map<string, readonly Buffer[]>();

/** A stream that does not wait, ready-made. */
function burst(name: string, text: StreamText, events: number, eventsPerChunk: number): readonly Buffer[] {
  const known = burstChunks.get(name);
  if (known !== undefined) return known;
  const event = `${text.event.upToTime}${timeText()}${text.event.fromTime}`;
  const chunks = [STREAM_HEAD + chunkOf(text.before)];
  for (let left = events; left > 0; left -= eventsPerChunk)
    chunks.push(chunkOf(event.repeat(Math.min(left, eventsPerChunk))));
  chunks.push(chunkOf(text.after) + LAST);
  const made = chunks.map((chunk) => Buffer.from(chunk, 'latin1'));
  burstChunks.set(name, made);
  return made;
}

function answer(socket: Socket, path: string, model: string): void {
  const manner = mannerOf(model);
  if (manner === undefined) {
    socket.write(WHOLE);
    return;
  }
  const { events, eventsPerChunk, periodMs } = manner;
  const format = path.includes('/messages') ? 'messages' : 'chat';
  if (periodMs === 0) {
    for (const chunk of burst(`${format} ${model}`, TEXTS[format], events, eventsPerChunk))
      socket.write(chunk);
    return;
  }
  let wheel = wheels.get(periodMs);
  if (wheel === undefined) wheels.set(periodMs, (wheel = new Wheel(periodMs)));
  socket.write(STREAM_HEAD + chunkOf(TEXTS[format].before), 'latin1');
  wheel.add({ socket, text: TEXTS[format], eventsPerChunk, left: events });
}

const server = createServer({ noDelay: true }, (socket) => {
  let held: Buffer | undefined;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    const bytes = held === undefined ? chunk : Buffer.concat([held, chunk]);
    held = bytes;
    const headEnd = bytes.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = bytes.toString('latin1', 0, headEnd);
    const end = headEnd + 4 + Number(/content-length: ?(\d+)/i.exec(head)?.[1]);
    if (bytes.length < end) return;
    held = undefined;
    const from = bytes.indexOf(MODEL, headEnd) + MODEL.length;
    answer(
      socket,
      head.slice(0, head.indexOf('\r')),
      bytes.toString('latin1', from, bytes.indexOf('"', from)),
    );
  });
});
server.listen(0, '127.0.0.1', () =>
  process.stdout.write(`ready ${(server.address() as AddressInfo).port}\n`),
);
