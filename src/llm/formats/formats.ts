import type { Format } from '../conversation/format.ts';
import type { FormatName } from '../conversation/format-name.ts';

/** The wire formats by their names. */
export const FORMATS = {} as Readonly<Record<FormatName, Format>>;
