/**
 * Text of others as a terminal may show it: what controls it, turns the direction of writing or is not to be seen at all stands there as
 * `\u{…}`. Descriptions of tools are a place to hide instructions in.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (one) => String.raw`\u{${one.codePointAt(0)!.toString(16)}}`,
  );
}
