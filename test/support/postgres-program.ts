// Starts a PostgreSQL server of its own in the folder argv[2] and prints where it can be reached. Ends with its stdin.
import { once } from 'node:events';
import { startEmbedded } from '../../src/store/pg/embedded.ts';
import { silentLog } from '../../src/telemetry/log.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Error('give a folder');
const server = await startEmbedded(folder, silentLog);
process.stdout.write(
  `ready postgresql://${server.user}@localhost/postgres?host=${encodeURIComponent(server.socketFolder)}&port=${server.port}\n`,
);
process.stdin.resume();
await once(process.stdin, 'end');
await server[Symbol.asyncDispose]();
