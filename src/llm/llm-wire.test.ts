import { describe, expect, test } from 'vitest';
import { DIALECTS } from '../../test/support/llm/dialects.ts';
import { FORMATS } from './formats/formats.ts';
import { writeFailure } from './llm-wire.ts';

const told = (name: (typeof DIALECTS)[number]['name'], body: string) => {
  const failure = FORMATS[name].readError(500, { 'retry-after': '3' }, Buffer.from(body));
  const { status, headers, body: written } = writeFailure(failure, name);
  return { status, headers, body: written.toString() };
};

describe.each(DIALECTS)(
  'the error of a provider, for a client that speaks $name as it does',
  ({ name, errorBody }) => {
    test('goes on as it came, every byte', () => {
      const body = ` ${JSON.stringify({ ...errorBody('too much'), novel: 1 })}`;
      expect(told(name, body)).toMatchObject({ status: 500, body, headers: { 'retry-after': '3' } });
    });

    test.each(['{}', '{"detail":"Not Found"}', '{"error":null}', '<html>Bad</html>', '', '[1]'])(
      'is said in the format’s own words where it is none: %s',
      (body) => {
        const { error } = JSON.parse(told(name, body).body) as { error: { message: string } };
        expect(error.message).not.toBe('');
        expect(error).toHaveProperty(name === 'gemini' ? 'status' : 'type');
      },
    );
  },
);
