/** What is kept of a request or an answer: JSON where all of it is there, else text. */
export function parsedBody(content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch {
    return content;
  }
}
