import { countBody, readCount, writeCount } from './count-tokens.ts';
import type { Format } from '../../conversation/format.ts';
import { restoreTools } from '../../conversation/tool-names.ts';
import { failEvent, readError, writeError } from './errors.ts';
import { ResponseObserver } from './observe.ts';
import { readAnswer } from './read-answer.ts';
import { readRequest } from './read-request.ts';
import { StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';
import { writeAnswer } from './write-answer.ts';
import { wireNames, writeRequest } from './write-request.ts';

/** Gemini generateContent (https://ai.google.dev/api/generate-content), as a client and as a provider speaks it. */
export const GEMINI: Format = {
  name: 'gemini',
  readRequest,
  writeRequest,
  readAnswer,
  restorer: (request) => restoreTools(wireNames(request)),
  answerReader: () => new StreamReader(),
  observer: () => new ResponseObserver(),
  writeAnswer,
  answerWriter: (facts) => new StreamWriter(facts),
  failEvent,
  counter: { body: countBody, read: readCount, write: writeCount },
  readError,
  writeError,
};
