import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Asked } from './asked.ts';
import { type Inbox, type Json, type Link, type Message, refuseNothing } from './scripted-server.ts';

const NEVER = new Promise<void>(() => undefined);

/** The gateway starts `pipe.ts`, whose standard input and output end here. */
export async function serveStdio(inbox: Inbox): Promise<{ readonly entry: Json; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  // What is said together arrives together, as it would through a pipe.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const asked = new Asked();
    const write = (text: string): void => void socket.write(`${text}\n`);
    const say = (message: unknown): void =>
      write(typeof message === 'string' ? message : JSON.stringify(message));
    const link: Link = {
      say,
      ask: (method, params) => asked.put(say, method, params),
      kill: () => void socket.destroy(),
      closed: new Promise((resolve) => {
        socket.once('close', () => resolve());
      }),
    };
    inbox.links.add(link);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sockets.delete(socket);
      inbox.links.delete(link);
      for (const one of [...inbox.listening.keys()]) if (one.link === link) inbox.listening.delete(one);
    });
    createInterface({ input: socket }).on('line', (text) => {
      const message = JSON.parse(text) as Message;
      if (asked.answered(message)) return;
      const head = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)}`;
      inbox.received({
        message,
        text,
        link,
        headers: {},
        reply: (result) => write(`${head},"result":${JSON.stringify(result)}}`),
        replyText: (result) => write(`${head},"result":${result}}`),
        fail: (code, text_, data) =>
          write(`${head},"error":${JSON.stringify({ code, message: text_, ...(data && { data }) })}}`),
        say,
        refuse: refuseNothing,
        ask: (method, params, id) => asked.put(say, method, params, id),
        closed: NEVER,
      });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    entry: {
      command: process.execPath,
      args: [join(import.meta.dirname, 'pipe.ts'), String(port), ...(inbox.isStubborn ? ['stubborn'] : [])],
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
