/** Whether a Content-Type says JSON, or nothing. */
export function isJsonType(type: string): boolean {
  if (type === 'application/json') return true;
  const media = type.split(';')[0]!.trim().toLowerCase();
  return media === 'application/json' || media === '' || media.endsWith('+json');
}
