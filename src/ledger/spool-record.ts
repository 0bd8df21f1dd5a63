import type { LedgerRecord } from '../store/call-records.ts';

/** Longest text of a caller that is kept, in characters. */
export const TEXT_CHARACTERS_MAX = 200;

/** Control characters, line separators and the characters that reorder text on a terminal (Unicode, UAX #9). */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const EVERY_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu');

/** Text from strangers as it is recorded: bounded, on one line, without anything that acts on a terminal, well-formed Unicode. */
export function cleanText(text: string): string;
export function cleanText(text: string | undefined): string | undefined;
export function cleanText(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return printableText(text.length > TEXT_CHARACTERS_MAX ? text.slice(0, TEXT_CHARACTERS_MAX) : text);
}

/** The same of any length. */
export function printableText(text: string): string {
  const printable = UNPRINTABLE.test(text) ? text.replaceAll(EVERY_UNPRINTABLE, '') : text;
  return printable.isWellFormed() ? printable : printable.toWellFormed();
}

/** The record in a line of the spool, or `undefined` when the line does not hold one whole. */
export function parseRecord(line: string): LedgerRecord | undefined {
  let value: Partial<Record<string, unknown>> | null;
  try {
    value = JSON.parse(line) as Partial<Record<string, unknown>> | null;
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (typeof value['writer'] !== 'string' || typeof value['seq'] !== 'number') return undefined;
  const part =
    value['phase'] === 'received' ? value['start'] : value['phase'] === 'ended' ? value['end'] : undefined;
  if (typeof part !== 'object' || part === null) return undefined;
  return typeof (part as { id?: unknown }).id === 'string' ? (value as unknown as LedgerRecord) : undefined;
}
