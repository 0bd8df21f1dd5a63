import { HttpFailure } from './http-failure.ts';
import type { HttpRequest } from './http-request.ts';

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Bodies up to this size are copied behind their head: one buffer is cheaper to write than two. */
const COPIED_BYTES_MAX = 64 * 1024;

/** Writes the requests of one connection; what is the same as in the request before is not made again. */
export class RequestWriter {
  #headers: HttpRequest['headers'] | undefined;
  #target: HttpRequest['target'] | undefined;
  #method: HttpRequest['method'] | undefined;
  /** The head up to Content-Length, for these three. */
  #head = '';

  /** The head as text, or the reason why a header must not be sent (RFC 9110, sections 5.1 and 5.5). */
  head(request: HttpRequest): string | HttpFailure {
    const { headers, target, method, body } = request;
    if (headers !== this.#headers || target !== this.#target || method !== this.#method) {
      const head = composeHead(request);
      if (head instanceof HttpFailure) return head;
      this.#headers = headers;
      this.#target = target;
      this.#method = method;
      this.#head = head;
    }
    if (body !== undefined) return `${this.#head}Content-Length: ${body.length}\r\n\r\n`;
    return method === 'POST' ? `${this.#head}Content-Length: 0\r\n\r\n` : `${this.#head}\r\n`;
  }
}

/** A head and its body in one buffer; `undefined` when the body is too large to be copied. */
export function whole(head: string, body: Buffer): Buffer | undefined {
  if (body.length > COPIED_BYTES_MAX) return undefined;
  const message = Buffer.allocUnsafe(head.length + body.length);
  message.write(head, 'latin1');
  body.copy(message, head.length);
  return message;
}

function composeHead(request: HttpRequest): string | HttpFailure {
  let head = `${request.method} ${request.target.path} HTTP/1.1\r\nHost: ${request.target.authority}\r\n`;
  for (const [name, value] of request.headers) {
    if (!TOKEN.test(name) || !FIELD_VALUE.test(value))
      return new HttpFailure(
        'malformed',
        `header ${JSON.stringify(name.slice(0, 60))} cannot be sent: it has characters that HTTP does not allow`,
        'no',
      );
    head += `${name}: ${value}\r\n`;
  }
  return head;
}
