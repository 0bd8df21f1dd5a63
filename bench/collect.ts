import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchGateway } from './gateway.ts';
import { residentMib } from './measure.ts';
import type { Started } from './processes.ts';

/** What a gateway is started with whose garbage is to be collected on demand; its folder is to exist. */
export async function collecting(folder: string): Promise<Pick<BenchGateway, 'flags' | 'env'>> {
  const file = fileIn(folder);
  await writeFile(file, '');
  return {
    flags: ['--expose-gc', '--import', join(import.meta.dirname, 'collect-on-signal.ts')],
    env: { BENCH_COLLECTED: file },
  };
}

function fileIn(folder: string): string {
  return join(folder, 'collected');
}

/** Lets a gateway that was started so collect its garbage, waits until it has, and says what it holds then. */
export async function collect(
  { pid }: Started,
  folder: string,
): Promise<{ readonly residentMib: number; readonly heapMib: number }> {
  const file = fileIn(folder);
  const before = (await readFile(file)).length;
  process.kill(pid, 'SIGUSR2');
  for (;;) {
    await pause(20);
    const text = await readFile(file, 'utf8');
    if (text.length === before || !text.endsWith('\n')) continue;
    return { residentMib: residentMib(pid), heapMib: Number(text.trim().split('\n').at(-1)) / 2 ** 20 };
  }
}
