import { loadavg } from 'node:os';
import { type BenchRun, loadText, machineText, mannerText } from '../bench-run.ts';
import { REAL_TIME } from '../processes.ts';
import { measureBeside } from './beside.ts';
import { ledgerReport } from './measures.ts';
import { DAYS, measureLedger } from './million.ts';

/** What the ledger's database does with a million calls, and what calls feel of it. */
export async function runLedger(
  run: BenchRun,
): Promise<{ readonly text: string; readonly figures: unknown }> {
  const { folder, say, options } = run;
  const calls = options.ledgerCalls;
  const before = loadavg()[0] ?? 0;
  const beside = await measureBeside(run);
  const measures = await measureLedger(folder, calls, say);
  const text = [
    '# What the ledger costs',
    '',
    `* ${new Date().toISOString()}`,
    `* ${machineText()}`,
    `* ${loadText(before)}`,
    `* calls beside others: ${mannerText(options, false)}${REAL_TIME ? '' : '; not with real-time scheduling, which is not allowed here'}`,
    '',
    ...beside.map(({ title, measures: of }) => ledgerReport(title, of)),
    ledgerReport(`Ledger with ${calls} calls of ${DAYS} days`, measures),
    '',
  ].join('\n');
  return { text, figures: { beside, measures } };
}
