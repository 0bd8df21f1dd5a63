import type { Examined } from '../app/doctor.ts';
import { table } from './table.ts';

const VERDICTS = {
  works: 'works',
  change: 'works, but has to be changed',
  broken: 'does not work',
} as const;
const TRANSPORTS = {
  stdio: 'stdio',
  http: 'streamable HTTP',
  sse: 'HTTP+SSE',
  'in-process': 'built in',
} as const;
const OUTCOME_CHARACTERS = 140;

/** What was found, for people. */
export function reportText(examined: readonly Examined[]): string {
  return examined.map(oneText).join('\n');
}

function oneText(one: Examined): string {
  const parts = [
    `${one.server}: ${VERDICTS[one.verdict]} (${one.code})\n`,
    indented(one.words),
    one.code === 'ok' ? '' : section('Do', one.advice.split('\n')),
    section('Tried', triedLines(one)),
    section(one.fixed ? 'Changed' : 'Change', one.change),
    one.fixed || one.change.length === 0 || one.notFixed !== undefined
      ? ''
      : indented('or run this again with --fix'),
    one.notFixed === undefined ? '' : section('Not written', [one.notFixed]),
    section('Probably', one.probably),
    one.entry === undefined || one.code === 'ok'
      ? ''
      : section('This works', one.entry.trimEnd().split('\n')),
    section('Last lines on stderr', one.stderr?.split('\n') ?? []),
    section('The configuration', one.warnings),
    one.code === 'ok' ? '' : indented(`More: docs/reference/diagnoses.md#${one.code}`),
  ];
  return parts.join('');
}

function triedLines({ tried }: Examined): readonly string[] {
  const rows = tried.map(({ transport, era, at, ok, outcome }) => [
    ok ? '+' : '-',
    `${TRANSPORTS[transport]}${transport === 'http' ? `, ${era}` : ''}`,
    at,
    outcome.replaceAll(/\s+/g, ' ').slice(0, OUTCOME_CHARACTERS),
  ]);
  // The first line of a table is its headings, which these rows do not need.
  return table(['', '', '', ''], rows).trimEnd().split('\n').slice(1);
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0
    ? ''
    : `${indented(`${title}:`)}${lines.map((line) => indented(line, 4)).join('')}`;
}

function indented(text: string, by = 2): string {
  return text === '' ? '\n' : `${' '.repeat(by)}${text}\n`;
}
