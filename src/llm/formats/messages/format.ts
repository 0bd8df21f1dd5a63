import { countBody, readCount, writeCount } from './count-tokens.ts';
import type { Format } from '../../conversation/format.ts';
import { restoreTools } from '../../conversation/tool-names.ts';
import { readError, writeError } from './errors.ts';
import { MessageObserver } from './observe.ts';
import { readAnswer } from './read-answer.ts';
import { readRequest } from './read-request.ts';
import { StreamReader } from './stream-reader.ts';
import { failEvent, StreamWriter } from './stream-writer.ts';
import { writeAnswer } from './write-answer.ts';
import { wireNames, writeRequest } from './write-request.ts';

/** Anthropic Messages (https://docs.anthropic.com/en/api/messages), as a client and as a provider speaks it. */
export const MESSAGES: Format = {
  name: 'messages',
  readRequest,
  writeRequest,
  readAnswer,
  restorer: (request) => restoreTools(wireNames(request)),
  answerReader: () => new StreamReader(),
  observer: () => new MessageObserver(),
  writeAnswer,
  answerWriter: (facts) => new StreamWriter(facts),
  failEvent,
  counter: { body: countBody, read: readCount, write: writeCount },
  readError,
  writeError,
};
