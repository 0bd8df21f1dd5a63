const BY_ENDING: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  heic: 'image/heic',
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  mp3: 'audio/mp3',
  wav: 'audio/wav',
  mp4: 'video/mp4',
  mov: 'video/mov',
  webm: 'video/webm',
};

/**
 * The type of what is at an address, as its ending says it; else `fallback`. The provider wants one for all but videos of YouTube, where it
 * is `undefined`.
 */
export function mimeTypeOf(url: string, fallback: string): string | undefined {
  if (/^https?:\/\/(?:www\.)?youtu(?:be\.com|\.be)\//.test(url)) return undefined;
  const ending = /\.([a-z0-9]{2,4})(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase();
  const known = ending === undefined ? undefined : BY_ENDING[ending];
  return known ?? (fallback === 'image/*' ? 'image/jpeg' : fallback);
}
