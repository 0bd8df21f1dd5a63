/** A member as JSON with the comma before it; nothing for what is unknown. */
export function textField(name: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`;
}

export function numberField(name: string, value: number | undefined): string {
  return value === undefined ? '' : `,"${name}":${number(value)}`;
}

/** Milliseconds with three digits after the point: more says nothing about a call, and costs twice the bytes. */
export function microsField(name: string, ms: number | undefined): string {
  return ms === undefined ? '' : `,"${name}":${number(Math.round(ms * 1_000) / 1_000)}`;
}

/** JSON has no NaN and no infinity. */
export function number(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null';
}
