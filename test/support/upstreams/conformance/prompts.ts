import { embedded, image, object, text } from './content.ts';
import { elicit } from './questions.ts';
import { accepted, type Feature, type Json } from './turn.ts';

const says = (...content: readonly Json[]): Json => ({
  messages: content.map((piece) => ({ role: 'user', content: piece })),
});

const argument = (name: string, description: string): Json => ({ name, description, required: true });

export const PROMPTS: readonly Feature[] = [
  {
    listed: { name: 'test_simple_prompt', description: 'A prompt without arguments.' },
    answer: () => says(text('This is a simple prompt for testing.')),
  },
  {
    listed: {
      name: 'test_prompt_with_arguments',
      description: 'A prompt with two arguments.',
      arguments: [argument('arg1', 'The first one.'), argument('arg2', 'The second one.')],
    },
    answer: ({ args }) =>
      says(text(`Prompt with arguments: arg1='${String(args['arg1'])}', arg2='${String(args['arg2'])}'`)),
  },
  {
    listed: {
      name: 'test_prompt_with_embedded_resource',
      description: 'A prompt that embeds a resource.',
      arguments: [argument('resourceUri', 'What to embed.')],
    },
    answer: ({ args }) =>
      says(
        embedded(String(args['resourceUri']), 'text/plain', 'Embedded resource content for testing.'),
        text('Please process the embedded resource above.'),
      ),
  },
  {
    listed: { name: 'test_prompt_with_image', description: 'A prompt with an image.' },
    answer: () => says(image(), text('Please analyze the image above.')),
  },
  {
    listed: { name: 'test_input_required_result_prompt', description: 'A prompt that asks for its context.' },
    answer: ({ responses }) => {
      const context = accepted(responses, 'user_context')?.['context'];
      return typeof context === 'string'
        ? says(text(`Use the following context: ${context}`))
        : {
            ask: {
              user_context: elicit(
                'What context should the prompt use?',
                object({ context: { type: 'string' } }),
              ),
            },
          };
    },
  },
];

/** The prompt that is there only every other time that the list was changed. */
export const PASSING_PROMPT: Feature = {
  listed: { name: 'test_passing_prompt', description: 'Comes and goes.' },
  answer: () => says(text('Still here.')),
};
