import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';

// What a start leaves alive is much, what a call leaves is nothing; V8 would conclude from the start that calls' objects, too, live long,
// and put them where only a full collection finds them, together with all that they refer to (a fifth of the processor time of a call).
setFlagsFromString('--no-allocation-site-pretenuring');
// With a few hundred calls a second V8 takes this process for one that does little and lowers, at each small collection, the size from which
// it collects all of the memory: every 20 s, which calls felt for 40 ms each time. Memory of a process that does nothing is still given back.
// Node.js before 26 does not know the flag and would say so.
if (Number.parseInt(process.versions.node, 10) >= 26)
  setFlagsFromString('--no-scavenger-updates-allocation-limit');

// From the second start on, the sources need not be stripped of their types and compiled again, which is most of what a start costs. The
// cache belongs to whoever may change the packages beside it; where it cannot be written, there is none.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/lanport'));
const [{ CommanderError }, { EXIT, StartupError }, { buildProgram }, { errorChain }] = await Promise.all([
  import('commander'),
  import('./app/startup-error.ts'),
  import('./cli/program.ts'),
  import('./telemetry/log.ts'),
]);

// A reader that goes away (`lanport … | head`) is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** Who tells every process of a group to end (systemd, some terminals) tells this one twice: a signal within this time is the same. Milliseconds. */
const ECHO_MS = 1_000;

/** A second signal ends the process at once. */
function stopRequested(): Promise<string> {
  return new Promise((resolve) => {
    let askedMs: number | undefined;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        const now = performance.now();
        if (askedMs !== undefined && now - askedMs >= ECHO_MS) process.exit(EXIT.failed);
        askedMs ??= now;
        resolve(signal);
      });
    }
  });
}

const program = buildProgram({
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: Date.now,
  exit: (code) => {
    process.exitCode = code;
  },
  stopRequested,
  onReloadRequested: (listener) => void process.on('SIGHUP', listener),
  // Node.js would print the error as it is, with the secrets that are in it.
  onCrash: (listener) =>
    void process.on('uncaughtException', (error) => {
      listener(error);
      process.exit(EXIT.failed);
    }),
});

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.configuration;
  else {
    process.stderr.write(`lanport: ${error instanceof StartupError ? error.message : errorChain(error)}\n`);
    process.exitCode = error instanceof StartupError ? error.exitCode : EXIT.failed;
  }
}
