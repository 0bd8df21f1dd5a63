/** Members of an object on the wire, whatever it is. */
export type WireMembers = Readonly<Record<string, unknown>>;

export function membersIn(value: unknown): WireMembers {
  return typeof value === 'object' && value !== null ? (value as WireMembers) : {};
}

export function listIn(value: unknown): readonly WireMembers[] {
  return Array.isArray(value) ? (value as WireMembers[]) : [];
}

/** The text of content that is a string, or a list of parts with texts. */
export function textsIn(content: unknown): string {
  if (typeof content === 'string') return content;
  return listIn(content)
    .map(({ text }) => (typeof text === 'string' ? text : ''))
    .join('');
}
