import { DIAGNOSES, type DiagnosisRow } from '../../src/mcp/diagnosis/codes.ts';
import { cell, GENERATED } from './markdown.ts';

/** docs/reference/diagnoses.md: every diagnosis of `lanport doctor`, a section each. */
export function diagnosesPage(): string {
  const all = Object.entries(DIAGNOSES) as readonly (readonly [string, DiagnosisRow])[];
  const rows = all.map(([code, row]) => `| [\`${code}\`](#${code}) | ${cell(row.title)} |`);
  const sections = all.map(([code, row]) => `## ${code}\n\n${row.means}\n\n**Do:** ${row.act}\n`);
  return `# Diagnoses

${GENERATED('src/mcp/diagnosis/codes.ts')}

What \`lanport doctor\` finds (see [diagnose a server](../guide/diagnose-a-server.md)). It names the first root cause: what follows from it is
not listed. The codes are stable.

| code | in short |
| --- | --- |
${rows.join('\n')}

${sections.join('\n')}`;
}
