/** The line that says where a page comes from. */
export const GENERATED = (source: string): string =>
  `<!-- Generated from ${source} by "npm run docs". Do not edit. -->`;

/** `text` as one table cell. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
