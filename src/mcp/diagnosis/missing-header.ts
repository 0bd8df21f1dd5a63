const NAME = String.raw`["'\`]?([A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+|Authorization)["'\`]?`;
const WANTED = String.raw`(?:missing|requires?|required|expects?|expected|provide|must|not (?:set|given|present|found))`;

/** How servers say that a header is missing, in the orders in which people put the words. */
const SENTENCES = [
  new RegExp(`${WANTED}[^.<>]{0,60}?${NAME}\\s+(?:request |http )?header`, 'i'),
  new RegExp(`${WANTED}[^.<>]{0,60}?headers?[\\s:]*${NAME}`, 'i'),
  new RegExp(`${NAME}\\s+(?:request |http )?header[^.<>]{0,60}?${WANTED}`, 'i'),
  new RegExp(`headers?[\\s:]*${NAME}[^.<>]{0,60}?${WANTED}`, 'i'),
];

/** Headers that the protocol makes itself. */
const OWN = /^(?:mcp-|content-|accept-|x-forwarded-)/i;

/** The header that a refusal says is missing, when it names one that is not sent anyway. */
export function missingHeader(body: string, sent: readonly string[]): string | undefined {
  // JSON writes quotes inside its texts with backslashes.
  const text = body.replaceAll('\\', '').replaceAll(/<[^>]*>|\s+/g, ' ');
  for (const sentence of SENTENCES) {
    const name = sentence.exec(text)?.[1];
    if (name === undefined || OWN.test(name)) continue;
    if (sent.some((other) => other.toLowerCase() === name.toLowerCase())) continue;
    return name;
  }
  return undefined;
}
