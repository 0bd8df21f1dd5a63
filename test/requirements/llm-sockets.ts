import type { Requirement } from './requirements.ts';

/** What is promised of `WS /v1/responses`. */
export const LLM_SOCKETS = {
  'llm:websocket': {
    source: 'https://developers.openai.com/api/docs/guides/websocket-mode',
    promise:
      'Responses of every provider are served over a WebSocket as over POST: each response.create is judged, recorded and answered by itself, with one event a frame.',
  },
  'llm:websocket-memory': {
    source: 'https://developers.openai.com/api/docs/guides/websocket-mode',
    promise:
      'previous_response_id names any answer of its connection, warm-ups and those that are not stored included, and any that is stored.',
  },
  'llm:websocket-lanes': {
    source: 'https://developers.openai.com/api/docs/guides/websocket-mode',
    promise:
      'Requests of one stream_id run one after the other, those of others beside them; what runs, waits and is named on a connection is bounded.',
  },
  'llm:websocket-errors': {
    source: 'https://developers.openai.com/api/docs/guides/websocket-mode',
    promise:
      'What is wrong before a WebSocket opens is an HTTP error; what is wrong with a frame or an answer is one error frame, and the connection goes on.',
  },
  'llm:websocket-ends': {
    source: 'docs/guide/models.md',
    promise:
      'A WebSocket that closes ends its requests to providers; one that is idle, old, silent, too large in a frame, or of a key that does not count any more is closed, and one at a stop after its answers.',
  },
} as const satisfies Record<string, Requirement>;
