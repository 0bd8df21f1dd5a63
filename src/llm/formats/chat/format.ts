import type { Format } from '../../conversation/format.ts';
import { restoreTools } from '../../conversation/tool-names.ts';
import { errorEvent, readError, writeError } from './errors.ts';
import { ChatObserver } from './observe.ts';
import { readRequest } from './read-request.ts';
import { readAnswer, StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';
import { wireNames } from './wire-names.ts';
import { writeAnswer } from './write-answer.ts';
import { writeRequest } from './write-request.ts';

/** OpenAI's Chat Completions, and what others make of it. https://platform.openai.com/docs/api-reference/chat */
export const CHAT: Format = {
  name: 'chat',
  readRequest,
  writeRequest,
  readAnswer,
  restorer: (request) => restoreTools(wireNames(request)),
  answerReader: () => new StreamReader(),
  observer: () => new ChatObserver(),
  writeAnswer,
  answerWriter: (facts) => new StreamWriter(facts),
  failEvent: errorEvent,
  counter: undefined,
  readError,
  writeError,
};
