// Loaded into the process under test (--expose-gc --import): on SIGUSR2 it collects its garbage, and says so in a file.
import { appendFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  appendFileSync(process.env['BENCH_COLLECTED']!, '.');
});
