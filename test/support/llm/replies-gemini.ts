import { events } from './provider.ts';
import { CALLS, FIRST_TEXT, LAST_TEXT, THOUGHT } from './sdk-turn.ts';
import type { Upstream } from './upstream.ts';
import { listIn, membersIn, textsIn } from './wire-members.ts';

const SEAL = 'AY89a19YsnFp7FOSIejJDV9XuMU996D+ZaDJiD6L9EEi+Lh+VGTEGqM3Lip3DPI7QzY=';
const IDS = ['lpndqlku', 'm6rogicj'] as const;
const COMMON = { modelVersion: 'gemini-3-flash-preview', responseId: 'QHiLaYq6OfKc1MkP' };
const PROMPT = {
  promptTokensDetails: [
    { modality: 'TEXT', tokenCount: 110 },
    { modality: 'IMAGE', tokenCount: 10 },
  ],
};
const USAGE = {
  promptTokenCount: 120,
  cachedContentTokenCount: 64,
  candidatesTokenCount: 50,
  totalTokenCount: 200,
  ...PROMPT,
  thoughtsTokenCount: 30,
};
const LAST_USAGE = {
  promptTokenCount: 240,
  cachedContentTokenCount: 128,
  candidatesTokenCount: 12,
  totalTokenCount: 252,
};

const calls = CALLS.map(({ name, input }, index) => ({
  functionCall: { name, args: input, id: IDS[index] },
  ...(index === 0 ? { thoughtSignature: SEAL } : {}),
}));
const answer = (parts: readonly object[], finish: string | undefined, usage: object) => ({
  candidates: [
    {
      content: { parts, role: 'model' },
      ...(finish === undefined ? {} : { finishReason: finish }),
      index: 0,
    },
  ],
  usageMetadata: usage,
  ...COMMON,
});
const soFar = { promptTokenCount: 120, totalTokenCount: 150, ...PROMPT, thoughtsTokenCount: 30 };

/** Bytes in the standard alphabet: Google takes both, and its Python SDK writes the other one. */
function standard(base64: string): string {
  return Buffer.from(base64, 'base64').toString('base64');
}

/** Types in lower case, as JSON schema writes them. */
function plainSchema(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
    key === 'type' && typeof value === 'string' ? value.toLowerCase() : value,
  ) as unknown;
}

/** generateContent, as Gemini 3 answers it: its seal is on the first of parallel calls. https://ai.google.dev/gemini-api/docs/thought-signatures */
export const GEMINI_UPSTREAM: Upstream = {
  name: 'Gemini',
  model: 'gemini-3-flash-preview',
  params: (url) => ({ model: 'gemini/gemini-3-flash-preview', api_base: `${url}/v1beta` }),
  seal: SEAL,
  callIds: IDS,
  first: {
    whole: answer([{ text: THOUGHT, thought: true }, { text: FIRST_TEXT }, ...calls], 'STOP', USAGE),
    stream: events(
      answer([{ text: THOUGHT.slice(0, 24), thought: true }], undefined, soFar),
      answer([{ text: THOUGHT.slice(24), thought: true }], undefined, soFar),
      answer([{ text: FIRST_TEXT.slice(0, 12) }], undefined, soFar),
      answer([{ text: FIRST_TEXT.slice(12) }], undefined, soFar),
      answer(calls, undefined, USAGE),
      answer([{ text: '' }], 'STOP', USAGE),
    ).replaceAll('\n', '\r\n'),
  },
  last: {
    whole: answer([{ text: LAST_TEXT }], 'STOP', LAST_USAGE),
    stream: events(
      answer([{ text: LAST_TEXT.slice(0, 10) }], undefined, LAST_USAGE),
      answer([{ text: LAST_TEXT.slice(10) }], 'STOP', LAST_USAGE),
    ),
  },
  read({ url, body }) {
    const contents = listIn(body['contents']);
    const parts = (role: string) =>
      contents.filter((content) => content['role'] === role).flatMap((content) => listIn(content['parts']));
    const asked = listIn(contents[0]?.['parts']);
    const image = asked.find(({ inlineData }) => inlineData !== undefined);
    const config = membersIn(body['generationConfig']);
    return {
      path: url,
      model: decodeURIComponent(/models\/([^:]+):/.exec(url)?.[1] ?? ''),
      system: textsIn(membersIn(body['systemInstruction'])['parts']),
      question: textsIn(asked),
      image: standard(String(membersIn(image?.['inlineData'])['data'])),
      tools: listIn(body['tools'])
        .flatMap(({ functionDeclarations }) => listIn(functionDeclarations))
        .map(({ name, description, ...schemas }) => ({
          name: String(name),
          description: String(description),
          // Google takes names in both spellings, and its Python SDK uses both.
          schema:
            schemas['parametersJsonSchema'] ??
            schemas['parameters_json_schema'] ??
            plainSchema(schemas['parameters']),
        })),
      isStream: url.includes(':streamGenerateContent'),
      thinks: config['thinkingConfig'] !== undefined,
      seals: parts('model').flatMap(({ thoughtSignature: seal }) =>
        typeof seal === 'string' ? [standard(seal)] : [],
      ),
      calls: parts('model')
        .filter(({ functionCall }) => functionCall !== undefined)
        .map(({ functionCall }) => {
          const { id, name, args } = membersIn(functionCall);
          return { id: String(id), name: String(name), input: args };
        }),
      results: Object.fromEntries(
        parts('user')
          .filter(({ functionResponse }) => functionResponse !== undefined)
          .map(({ functionResponse }) => {
            const { id, response } = membersIn(functionResponse);
            const [text] = Object.values(membersIn(response));
            return [String(id), String(text)];
          }),
      ),
    };
  },
};
