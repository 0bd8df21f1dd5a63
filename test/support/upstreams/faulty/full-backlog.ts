// A listener whose queue is full: the process fills it and stops itself, so that the next connection is not answered at all.
import { writeSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';

const BACKLOG = 1;
const WAITING = 16;

const server = createServer();
server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
  const { port } = server.address() as AddressInfo;
  for (let at = 0; at < WAITING; at++) connect(port, '127.0.0.1').on('error', () => undefined);
  // Behind the connects, which node puts off in the same way, and before the loop gets to accept.
  process.nextTick(() => {
    writeSync(1, `ready ${port}\n`);
    process.kill(process.pid, 'SIGSTOP');
  });
});
