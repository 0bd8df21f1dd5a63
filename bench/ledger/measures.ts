/** One line of the table. */
export interface LedgerMeasure {
  readonly what: string;
  readonly value: number;
  readonly unit: 'ms' | 'rows/s' | 's' | 'MiB' | '×';
  readonly aim: string;
  readonly isMet: boolean;
}

const DIGITS: Readonly<Record<LedgerMeasure['unit'], number>> = { ms: 1, s: 1, 'rows/s': 0, MiB: 0, '×': 2 };

/** A section of the report. */
export function ledgerReport(title: string, measures: readonly LedgerMeasure[]): string {
  return [
    `## ${title}`,
    '',
    '| | measured | aim | met |',
    '| --- | --- | --- | --- |',
    ...measures.map(
      ({ what, value, unit, aim, isMet }) =>
        `| ${what} | ${value.toFixed(DIGITS[unit])} ${unit} | ${aim} | ${aim === '' ? '' : isMet ? 'yes' : 'no'} |`,
    ),
    '',
  ].join('\n');
}
