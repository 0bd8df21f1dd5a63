import type { VerifiedLedger } from '../app/verify-ledger.ts';
import { table } from './table.ts';

const NAMES_SHOWN = 5;

/** What a check of the ledger has shown, for a person. */
export function verificationText(result: VerifiedLedger): string {
  const { findings, findingsCount, records, calls, writers, days, daysDropped, unchained } = result;
  const lines: string[] = [];
  if (findings.length > 0)
    lines.push(table(['WHAT', 'WRITER', 'RECORD', 'CALL', 'DAY', 'WHY'], findings.map(cells)).trimEnd());
  if (findingsCount > findings.length) lines.push(`… and ${findingsCount - findings.length} more.`);
  lines.push(
    `${records} records of ${calls} calls by ${writers} writers on ${days} days${daysDropped === 0 ? '' : `, ${daysDropped} older days removed in order`}: ${
      findingsCount === 0 ? 'nothing is wrong.' : `${findingsCount} findings.`
    }`,
  );
  if (unchained > 0)
    lines.push(`${unchained} records are from before the first chain: nothing can be said about them.`);
  if (result.withoutKey.length > 0)
    lines.push(
      `Only the numbering was checked of writers whose key is not at hand (ledger.key, --ledger-folder or --key-file): ${names(result.withoutKey)}.`,
    );
  if (result.withoutAnchor.length > 0)
    lines.push(
      `The data folder does not know these writers, so that records cut off their end together with the note of it in the database would not show: ${names(result.withoutAnchor)}. Name the folders of their gateways with --ledger-folder.`,
    );
  return `${lines.join('\n')}\n`;
}

function cells({
  kind,
  writer,
  seq,
  through,
  id,
  day,
  detail,
}: VerifiedLedger['findings'][number]): string[] {
  const place =
    seq === undefined ? '-' : through === undefined || through === seq ? String(seq) : `${seq}–${through}`;
  return [kind, writer ?? '-', place, id ?? '-', day ?? '-', detail];
}

function names(all: readonly string[]): string {
  const more = all.length - NAMES_SHOWN;
  return `${all.slice(0, NAMES_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
