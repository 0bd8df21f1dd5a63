/** A moment as answers show it: RFC 3339. `ms` since the Unix epoch. */
export function time(ms: number): string {
  return new Date(ms).toISOString();
}
