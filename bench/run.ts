// npm run bench: what the gateway costs, beside what the least costs that could do the same work. One run, interleaved repeats.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runLlm } from './llm/run-llm.ts';
import { LEDGER_PARTS, LLM_PARTS, MCP_PARTS, POSTGRES_PARTS, readOptions } from './options.ts';
import { readyLine, type Started, startProcess } from './processes.ts';
import type { BenchRun } from './bench-run.ts';
import { runLedger } from './ledger/run-ledger.ts';
import { runMcp } from './run-mcp.ts';
import { runPostgres } from './run-postgres.ts';

const options = readOptions(process.env);
const folder = await mkdtemp(join(tmpdir(), 'lanport-bench-'));
const results = join(import.meta.dirname, 'results');
const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Does one half of the benchmark, if any part of it is wanted; keeps its report when it is whole. */
async function half(
  name: string,
  own: readonly string[],
  measure: (run: BenchRun) => Promise<{ readonly text: string; readonly figures: unknown }>,
): Promise<void> {
  const wanted = own.filter((part) => options.parts.some((one) => one === part));
  if (wanted.length === 0) return;
  const started: Started[] = [];
  const track = (one: Started): void => void started.push(one);
  try {
    const { text, figures } = await measure({
      options,
      folder,
      say,
      track,
      start: async (processor, args, env = {}) => {
        const one = await startProcess(processor, args, readyLine, env);
        track(one);
        return one;
      },
    });
    process.stdout.write(text);
    if (wanted.length < own.length) return;
    const file = join(results, `${new Date().toISOString().slice(0, 10)}${name}`);
    await mkdir(results, { recursive: true });
    await writeFile(`${file}.md`, text);
    await writeFile(`${file}.json`, `${JSON.stringify(figures, null, 2)}\n`);
  } finally {
    for (const one of started.reverse()) await one[Symbol.asyncDispose]();
  }
}

try {
  await half('', MCP_PARTS, runMcp);
  await half('-llm', LLM_PARTS, runLlm);
  await half('-ledger', LEDGER_PARTS, runLedger);
  await half('-postgres', POSTGRES_PARTS, runPostgres);
} finally {
  await rm(folder, { recursive: true, force: true });
}
