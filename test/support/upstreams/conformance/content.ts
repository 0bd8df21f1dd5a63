import type { Json } from './turn.ts';

/** A PNG of one pixel. */
export const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** A WAV file of no samples. */
const SILENCE = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=';

export const text = (value: string): Json => ({ type: 'text', text: value });
export const image = (): Json => ({ type: 'image', data: PIXEL, mimeType: 'image/png' });
export const audio = (): Json => ({ type: 'audio', data: SILENCE, mimeType: 'audio/wav' });
export const embedded = (uri: string, mimeType: string, value: string): Json => ({
  type: 'resource',
  resource: { uri, mimeType, text: value },
});

/** A tool's result of these pieces. */
export const result = (...content: readonly Json[]): Json => ({ content });

/** A schema of these properties, all of them required. */
export const object = (properties: Json): Json => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
});
