// A stdio server whose other end is the test: what comes on standard input goes to the test's socket, and back.
import { connect } from 'node:net';

const socket = connect({ port: Number(process.argv[2]), host: '127.0.0.1', noDelay: true });
process.stdin.pipe(socket).pipe(process.stdout);
socket.on('error', () => process.exit(1));
socket.on('close', () => process.exit(1));
