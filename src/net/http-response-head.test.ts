import { describe, expect, it } from 'vitest';
import { ResponseHeadReader } from './http-response-head.ts';

const HEADS = [
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 2\r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 3\r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 300\r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 0003\r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 3\r\nDate: y\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: b\r\nContent-Length: 3\r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 3\r\nContent-Length: 3\r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 3\r\nContent-Length: 4\r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 3 \r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length:\r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nContent-Length: 3\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: a\r\nX-Content-Length: 9\r\nContent-Length: 3\r\n\r\n',
  'HTTP/1.0 200 OK\r\nContent-Type: a\r\nContent-Length: 3\r\nDate: x\r\n\r\n',
  'HTTP/1.1 202 OK\r\nContent-Type: a\r\nContent-Length: 3\r\nDate: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  'HTTP/1.1 200 OK\r\n Content-Length: 3\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
];

describe('a response head', () => {
  it('means the same after any other', () => {
    for (const before of HEADS) {
      for (const head of HEADS) {
        const reader = new ResponseHeadReader();
        reader.read(Buffer.from(before));
        for (const behind of ['', 'body', '5\r\n'])
          expect(reader.read(Buffer.from(head + behind)), `${head} after ${before}`).toEqual(
            new ResponseHeadReader().read(Buffer.from(head + behind)),
          );
      }
    }
  });

  it('is not whole before its last byte, whatever came before', () => {
    for (const head of HEADS.slice(0, 6)) {
      const reader = new ResponseHeadReader();
      reader.read(Buffer.from(head));
      for (let end = 1; end < head.length; end++)
        expect(reader.read(Buffer.from(head.slice(0, end)))).toBeUndefined();
      expect(reader.read(Buffer.from(head))).toMatchObject({ bytes: head.length });
    }
  });
});
