import { COUNTER } from './count-tokens.ts';
import type { Format } from '../../conversation/format.ts';
import { readError, responseError, writeError } from './errors.ts';
import { EventLines, memberText } from './event-lines.ts';
import { ResponseObserver } from './observe.ts';
import { restorer } from './restorer.ts';
import { readRequest } from './read-request.ts';
import { changingMembers } from './response-object.ts';
import { ResponseReader } from './response-reader.ts';
import { ResponseWriter } from './response-writer.ts';
import { writeAnswer } from './write-answer.ts';
import { writeRequest } from './write-request.ts';

/** OpenAI Responses (platform.openai.com/docs/api-reference/responses). */
export const RESPONSES: Format = {
  name: 'responses',
  readRequest,
  writeRequest,
  readAnswer: (body) => new ResponseReader().whole(body),
  restorer,
  answerReader: () => new ResponseReader(),
  observer: () => new ResponseObserver(),
  writeAnswer,
  answerWriter: (facts) => new ResponseWriter(facts),
  failEvent(failure) {
    const lines = new EventLines();
    const error = responseError(failure);
    const response = {
      id: '',
      object: 'response',
      ...changingMembers({ status: 'failed', output: [], error }),
    };
    lines.add(
      'error',
      memberText({ ...error, param: null, error: { type: error.code, ...error, param: null } }),
    );
    lines.add('response.failed', memberText({ response }));
    return lines.take();
  },
  counter: COUNTER,
  readError,
  writeError,
};
