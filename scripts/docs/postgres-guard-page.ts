import { ACCEPTED, REFUSED } from '../../test/corpus/corpus.ts';
import { LAYERS, type Layer } from '../../test/corpus/corpus-class.ts';
import { cell, GENERATED } from './markdown.ts';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n');

const WHAT: Readonly<Record<Layer, string>> = {
  text: 'NUL, broken Unicode and length are refused before anything parses',
  grammar:
    "PostgreSQL's own parser: one reading statement, of known nodes only. Left out with it: the catalogue, which needs to know what is called",
  catalogue: 'functions, operators, relations and settings by name, and by what the server says of them',
  transaction:
    'READ ONLY, rolled back, one statement a message; left out: READ WRITE, committed, several statements',
  role: 'the role of `--print-role`; left out: a superuser',
  timeouts: 'statement and lock timeouts of the connector',
  caps: 'rows, bytes, cell size, bytes on the wire',
};

/** docs/reference/postgres-guard.md: the corpus by class, and on which layers each class rests. */
export function postgresGuardPage(): string {
  const count = (classes: readonly { readonly statements: readonly string[] }[]): number =>
    classes.reduce((sum, one) => sum + one.statements.length, 0);
  const reasons = [
    ...new Set(REFUSED.flatMap(({ restsOn }) => Object.values(restsOn ?? {}).map((rest) => rest.reason))),
  ];
  const rests = (layers: (typeof REFUSED)[number]['restsOn']): string =>
    LAYERS.filter((layer) => layers?.[layer] !== undefined)
      .map((layer) => `${layer} (${reasons.indexOf(layers![layer]!.reason) + 1})`)
      .join(', ') || 'no single one';
  return [
    '# What the PostgreSQL connector refuses',
    '',
    GENERATED('test/corpus'),
    '',
    `Of \`test/corpus\`: ${count(REFUSED)} statements that are refused, ${count(ACCEPTED)} that run. Each refused one also runs with each layer left out,`,
    'on every PostgreSQL of the test machine. Harm is a changed table, catalogue, role, setting, sequence or file, a used-up transaction number, a lock,',
    'message or ended session that another session notices, or a planted secret in the answer.',
    '',
    '## Layers',
    '',
    table(
      ['layer', 'what it is'],
      LAYERS.map((layer) => [layer, WHAT[layer]]),
    ),
    '',
    '## Refused',
    '',
    table(
      ['class', 'what', 'statements', 'without this layer it does harm'],
      REFUSED.map((one) => [one.name, one.what, String(one.statements.length), rests(one.restsOn)]),
    ),
    '',
    ...reasons.map((reason, at) => `${at + 1}. ${reason}`),
    '',
    '## Accepted',
    '',
    table(
      ['class', 'statements'],
      ACCEPTED.map((one) => [one.name, String(one.statements.length)]),
    ),
    '',
  ].join('\n');
}
