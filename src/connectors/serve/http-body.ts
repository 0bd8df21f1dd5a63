import type { IncomingMessage } from 'node:http';

/** A body that is not taken, with the HTTP status that says so. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Reads a JSON body of at most `bytesMax`. Rejects with BodyRefused: 413, 415, or 400 when it is cut short. */
export function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const { 'content-type': type, 'content-length': length } = request.headers;
  // A page of another site can post text and forms without asking, JSON it cannot.
  if (type !== undefined && !/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) {
    return Promise.reject(
      new BodyRefused(415, `The body must be application/json, not ${type.slice(0, 80)}.`),
    );
  }
  const tooLarge = (): BodyRefused => new BodyRefused(413, `The body is larger than ${bytesMax} bytes.`);
  if (length !== undefined && Number(length) > bytesMax) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      request.pause();
      reject(tooLarge());
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('close', () => reject(new BodyRefused(400, 'The body was cut short.')));
    request.once('error', () => reject(new BodyRefused(400, 'The body was cut short.')));
  });
}
