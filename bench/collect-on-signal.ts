// Loaded into the process under test (--expose-gc --import): on SIGUSR2 it collects its garbage, and adds a line to a file: the
// bytes of its heap that are in use.
import { appendFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  appendFileSync(process.env['BENCH_COLLECTED']!, `${process.memoryUsage().heapUsed}\n`);
});
