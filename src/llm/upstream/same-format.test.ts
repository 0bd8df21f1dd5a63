import { describe, expect, test } from 'vitest';
import { callOf, deploymentOf } from '../../../test/support/llm/calls.ts';
import { sameFormatBody } from './same-format.ts';

const NONE: ReadonlySet<string> = new Set();

describe("a client's body for a provider of the same format", () => {
  test.each(['chat', 'responses', 'messages'] as const)(
    'has another name of the model, and else every byte as it came (%s)',
    async (format) => {
      const deployment = await deploymentOf({ model: 'hosted_vllm/theirs', api_base: 'http://x/v1' });
      const text =
        '{ "novel" : {"a":[1.0, 1e3,  12345678901234567890]},\n\t"model":"named" , "stream":false,"text":"\\u00e9 \\/ ü","model_":1 }';
      expect(sameFormatBody(callOf(format, text), deployment, NONE).toString()).toBe(
        text.replace('"named"', '"theirs"'),
      );
    },
  );

  test('has nothing of what is said to the gateway alone', async () => {
    const deployment = await deploymentOf({ model: 'hosted_vllm/m', api_base: 'http://x/v1' });
    const text =
      '{"model":"named","fallbacks":["other"],"num_retries":3,"mock_response":"x","litellm_metadata":{},"messages":[]}';
    expect(sameFormatBody(callOf('chat', text), deployment, NONE).toString()).toBe(
      '{"model":"m","messages":[]}',
    );
  });

  test('has what the deployment says where the client says nothing, and never in its place', async () => {
    const params = {
      model: 'hosted_vllm/m',
      api_base: 'http://x/v1',
      temperature: 0.5,
      extra_body: { top_k: 5 },
    };
    const deployment = await deploymentOf(params);
    const sent = (text: string) =>
      JSON.parse(sameFormatBody(callOf('chat', text), deployment, NONE).toString());
    expect(sent('{"model":"named"}')).toEqual({ model: 'm', temperature: 0.5, top_k: 5 });
    expect(sent('{"model":"named","temperature":0,"top_k":1}')).toEqual({
      model: 'm',
      temperature: 0,
      top_k: 1,
    });
  });

  test('has no parameters of a deployment in a count', async () => {
    const deployment = await deploymentOf({ model: 'anthropic/m', api_key: 'k', temperature: 0.5 });
    const call = callOf('messages', '{"model":"named","messages":[]}', {}, { operation: 'count-tokens' });
    expect(sameFormatBody(call, deployment, NONE).toString()).toBe('{"model":"m","messages":[]}');
  });

  test('lacks what the deployment refused, and what it is never to get, inside of a member too', async () => {
    const deployment = await deploymentOf({
      model: 'hosted_vllm/m',
      api_base: 'http://x/v1',
      additional_drop_params: ['reasoning.summary'],
    });
    const text =
      '{"model":"named","seed":1,"reasoning":{"effort":"low","summary":"auto"},"text":{"format":{"schema":{"maximum":9007199254740993}},"verbosity":"low"}}';
    const call = callOf('responses', text);
    expect(sameFormatBody(call, deployment, new Set(['seed', 'text.verbosity'])).toString()).toBe(
      '{"model":"m","reasoning":{"effort":"low"},"text":{"format":{"schema":{"maximum":9007199254740993}}}}',
    );
  });

  test('keeps long numbers of a schema next to what the deployment adds', async () => {
    const deployment = await deploymentOf({ model: 'gemini/m', api_key: 'k', temperature: 0.5 });
    const text = '{"contents":[],"generationConfig":{"responseJsonSchema":{"maximum":9007199254740993}}}';
    expect(sameFormatBody(callOf('gemini', text), deployment, NONE).toString()).toBe(
      '{"contents":[],"generationConfig":{"responseJsonSchema":{"maximum":9007199254740993},"temperature":0.5}}',
    );
  });
});

describe('the usage of a stream of Chat Completions', () => {
  const sent = async (text: string) => {
    const deployment = await deploymentOf({ model: 'hosted_vllm/m', api_base: 'http://x/v1' });
    return JSON.parse(sameFormatBody(callOf('chat', text), deployment, NONE).toString()) as object;
  };

  test.each([
    '{"model":"named","stream":true}',
    '{"model":"named","stream":true,"stream_options":null}',
    '{"model":"named","stream":true,"stream_options":{"include_usage":false}}',
    '{"model":"named","stream":true,"stream_options":{"include_usage":true}}',
  ])('is always asked for (%s)', async (text) => {
    expect(await sent(text)).toMatchObject({ stream_options: { include_usage: true } });
  });

  test('is asked for beside the other options of the client', async () => {
    expect(await sent('{"model":"named","stream":true,"stream_options":{"novel":1}}')).toMatchObject({
      stream_options: { novel: 1, include_usage: true },
    });
  });

  test('is no matter of answers in one piece', async () => {
    expect(await sent('{"model":"named","stream":false}')).toEqual({ model: 'm', stream: false });
  });
});

test('requests inside of requests name the model of the provider, too', async () => {
  const deployment = await deploymentOf({ model: 'gemini/theirs', api_key: 'k' });
  const batch = callOf(
    'gemini',
    '{"model":"models/named","requests":[{"model":"models/named","content":{}},{"content":{}}]}',
    {},
    { operation: 'embed-batch' },
  );
  expect(JSON.parse(sameFormatBody(batch, deployment, NONE).toString())).toEqual({
    requests: [{ model: 'models/theirs', content: {} }, { content: {} }],
  });
  const count = callOf(
    'gemini',
    '{"generateContentRequest":{"model":"models/named","contents":[]}}',
    {},
    { operation: 'count-tokens' },
  );
  expect(JSON.parse(sameFormatBody(count, deployment, NONE).toString())).toEqual({
    generateContentRequest: { model: 'models/theirs', contents: [] },
  });
});
