// A stdio server whose other end is the test: what comes on standard input goes to the test's socket, and back. A stubborn one ends when it is
// killed, and not before.
import { connect } from 'node:net';

const isStubborn = process.argv[3] === 'stubborn';
const socket = connect({ port: Number(process.argv[2]), host: '127.0.0.1', noDelay: true });
process.stdin.pipe(socket, { end: !isStubborn });
socket.pipe(process.stdout);
if (isStubborn) {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.stdout.on('error', () => undefined);
} else {
  socket.on('error', () => process.exit(1));
  socket.on('close', () => process.exit(1));
}
