import { loadavg } from 'node:os';
import { type BenchRun, loadText, machineText } from './bench-run.ts';
import { ledgerReport, measureLedger } from './ledger.ts';

const CALLS = 1_000_000;

/** What the ledger's database does with a million calls. */
export async function runLedger({
  folder,
  say,
}: BenchRun): Promise<{ readonly text: string; readonly figures: unknown }> {
  const before = loadavg()[0] ?? 0;
  const measures = await measureLedger(folder, CALLS, say);
  const text = [
    '# What the ledger costs',
    '',
    `* ${new Date().toISOString()}`,
    `* ${machineText()}`,
    `* ${loadText(before)}`,
    '',
    ledgerReport(measures, CALLS),
    '',
  ].join('\n');
  return { text, figures: measures };
}
