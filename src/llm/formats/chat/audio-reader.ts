import type { AudioPart, Json, JsonObject } from '../../conversation/parts.ts';
import { audioMediaType } from './media.ts';

/** Puts the pieces of a spoken answer together. They come as raw samples in streams, and as the kind of file that was asked for in whole answers. */
export class AudioReader {
  readonly #data: Buffer[] = [];
  #members: Record<string, Json | undefined> | undefined;
  #transcript = '';

  read(audio: JsonObject): void {
    const { data, transcript, ...members } = audio;
    this.#members = { ...this.#members, ...members };
    if (typeof data === 'string') this.#data.push(Buffer.from(data, 'base64'));
    if (typeof transcript === 'string') this.#transcript += transcript;
  }

  /** `undefined`: nothing was spoken. */
  part(): AudioPart | undefined {
    if (this.#members === undefined) return undefined;
    const bytes = Buffer.concat(this.#data);
    return {
      kind: 'audio',
      source: { kind: 'base64', mediaType: mediaTypeOf(bytes), data: bytes.toString('base64') },
      extras: {
        format: 'chat',
        members: {
          ...this.#members,
          ...(this.#transcript === '' ? {} : { transcript: this.#transcript }),
        },
      },
    };
  }
}

/** The answer does not name it. */
function mediaTypeOf(bytes: Buffer): string {
  const head = bytes.subarray(0, 4).toString('latin1');
  if (head === 'RIFF') return audioMediaType('wav');
  if (head === 'fLaC') return audioMediaType('flac');
  if (head === 'OggS') return audioMediaType('opus');
  if (head.startsWith('ID3') || (bytes[0] === 0xff && (bytes[1] ?? 0) >= 0xe0)) return audioMediaType('mp3');
  return audioMediaType('pcm16');
}
