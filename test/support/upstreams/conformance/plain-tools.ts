import { setTimeout as wait } from 'node:timers/promises';
import type { Changes, ListKind } from './changes.ts';
import { audio, embedded, image, object, result, text } from './content.ts';
import { WATCHED } from './resources.ts';
import type { Answer, Feature, Json, Turn } from './turn.ts';

const STEP_MS = 50;

const tool = (
  name: string,
  description: string,
  answer: (turn: Turn) => Answer | Promise<Answer>,
  inputSchema: Json = { type: 'object', properties: {} },
): Feature => ({ listed: { name, description, inputSchema }, answer });

const SCHEMA_2020_12: Json = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema, and nothing awaits this object
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
};

async function progress(turn: Turn): Promise<Answer> {
  for (const done of [0, 50, 100]) {
    if (turn.progressToken !== undefined)
      await turn.notify('notifications/progress', {
        progressToken: turn.progressToken,
        progress: done,
        total: 100,
        message: `Step ${done} of 100`,
      });
    if (done < 100) await wait(STEP_MS);
  }
  return result(text('All steps done.'));
}

async function logging(turn: Turn): Promise<Answer> {
  await turn.log('Tool execution started');
  await wait(STEP_MS);
  await turn.log('Tool processing data');
  await wait(STEP_MS);
  await turn.log('Tool execution completed');
  return result(text('Logged three lines.'));
}

/** Tools that answer without asking the client anything. */
export function plainTools(changes: Changes): Feature[] {
  const trigger = (name: string, kind: ListKind): Feature =>
    tool(name, `Changes the list of ${kind}.`, () => {
      changes.toggle(kind);
      return result(text(`The list of ${kind} is another one now.`));
    });
  return [
    tool('test_simple_text', 'Gives back text.', () =>
      result(text('This is a simple text response for testing.')),
    ),
    tool('test_image_content', 'Gives back an image.', () => result(image())),
    tool('test_audio_content', 'Gives back a sound.', () => result(audio())),
    tool('test_embedded_resource', 'Gives back an embedded resource.', () =>
      result(embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')),
    ),
    tool('test_multiple_content_types', 'Gives back text, an image and a resource.', () =>
      result(
        text('Multiple content types test:'),
        image(),
        embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
      ),
    ),
    tool('test_tool_with_logging', 'Logs three lines while it works.', logging),
    tool('test_logging_tool', 'Logs one line.', async (turn) => {
      await turn.log('One line for whoever asked for it');
      return result(text('Logged one line.'));
    }),
    tool('test_tool_with_progress', 'Reports its progress three times.', progress),
    tool('test_error_handling', 'Reports an error.', () => ({
      ...result(text('This tool intentionally returns an error for testing')),
      isError: true,
    })),
    tool('test_streaming_elicitation', 'Answers on a stream that has nothing but the answer.', () =>
      result(text('No question was asked.')),
    ),
    tool('test_reconnection', 'Ends the stream before it answers; the answer waits.', async (turn) => {
      turn.dropStream();
      await wait(2 * STEP_MS);
      return result(text('You came back for this answer.'));
    }),
    tool(
      'json_schema_2020_12_tool',
      'Has a schema of the newest dialect.',
      ({ args }) => result(text(JSON.stringify(args))),
      SCHEMA_2020_12,
    ),
    tool(
      'test_x_mcp_header',
      'Wants one of its arguments in a header too.',
      ({ args }) => result(text(`region=${String(args['region'] ?? '')}`)),
      {
        type: 'object',
        properties: {
          region: { type: 'string', 'x-mcp-header': 'Region' },
          level: { type: 'integer' },
        },
      },
    ),
    tool(
      'test_echo',
      'Gives back its text.',
      ({ args }) => result(text(String(args['text']))),
      object({ text: { type: 'string' } }),
    ),
    trigger('test_trigger_tool_change', 'tools'),
    trigger('test_trigger_prompt_change', 'prompts'),
    trigger('test_trigger_resource_change', 'resources'),
    tool('test_trigger_resource_update', `Changes ${WATCHED}.`, () => {
      changes.update(WATCHED);
      return result(text(`${WATCHED} is another one now.`));
    }),
  ];
}

/** The tool that is there only every other time that the list was changed. */
export const PASSING_TOOL = tool('test_passing_tool', 'Comes and goes.', () => result(text('Still here.')));
