import type { Format } from '../conversation/format.ts';
import { CHAT } from './chat/format.ts';
import { MESSAGES } from './messages/format.ts';
import { RESPONSES } from './responses/format.ts';
import type { FormatName } from '../conversation/format-name.ts';

/** The wire formats by their names. */
export const FORMATS = { chat: CHAT, messages: MESSAGES, responses: RESPONSES } as unknown as Readonly<
  Record<FormatName, Format>
>;
