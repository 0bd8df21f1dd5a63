import { loadavg } from 'node:os';
import { type BenchRun, loadText, machineText } from './bench-run.ts';
import { connectorReport, measureConnector } from './postgres/connector.ts';

/** What the PostgreSQL connector costs. */
export async function runPostgres({
  say,
}: BenchRun): Promise<{ readonly text: string; readonly figures: unknown }> {
  const before = loadavg()[0] ?? 0;
  const measures = await measureConnector(say);
  const text = [
    '# What the PostgreSQL connector costs',
    '',
    `* ${new Date().toISOString()}`,
    `* ${machineText()}`,
    `* ${loadText(before)}`,
    '',
    connectorReport(measures),
    '',
  ].join('\n');
  return { text, figures: measures };
}
