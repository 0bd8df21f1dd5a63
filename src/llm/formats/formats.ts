import type { Format } from '../conversation/format.ts';
import type { FormatName } from '../conversation/format-name.ts';
import { CHAT } from './chat/format.ts';
import { GEMINI } from './gemini/format.ts';
import { MESSAGES } from './messages/format.ts';
import { RESPONSES } from './responses/format.ts';

/** The wire formats by their names. */
export const FORMATS: Readonly<Record<FormatName, Format>> = {
  chat: CHAT,
  responses: RESPONSES,
  messages: MESSAGES,
  gemini: GEMINI,
};
