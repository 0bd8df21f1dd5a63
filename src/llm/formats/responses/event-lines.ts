/** The events of one stream, as bytes, numbered from 0. */
export class EventLines {
  #text = '';
  #number = 0;
  readonly #isSilent: boolean;

  /** `isSilent`: nobody reads the events, only what they lead to. */
  constructor(isSilent = false) {
    this.#isSilent = isSilent;
  }

  /** `members`: JSON text of the event's own members, without braces. */
  add(type: string, members: string): void {
    if (this.#isSilent) return;
    this.#text += `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.#number},${members}}\n\n`;
    this.#number += 1;
  }

  /** What was added since this was last asked. */
  take(): Buffer {
    const bytes = Buffer.from(this.#text);
    this.#text = '';
    return bytes;
  }
}

/** JSON text of members, without braces. */
export function memberText(members: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(members).slice(1, -1);
}
