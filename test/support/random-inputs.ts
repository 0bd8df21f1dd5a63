import type { Loose } from './responses-wire.ts';
import type { SeededRandom } from './seeded-random.ts';

const TEXTS = ['hello', 'é🐋', '{"a":1}', 'line\nline', ' ', '"quoted"'];

/** Items of a conversation as a client of Responses sends it, in the form in which they are written. */
export function randomInput(random: SeededRandom): Loose[] {
  const items: Loose[] = [userMessage(random)];
  const turns = 1 + random.int(4);
  for (let turn = 0; turn < turns; turn++) {
    if (random.int(2) === 0) items.push(reasoning(random, turn));
    if (random.int(2) === 0) items.push(assistantMessage(random, turn));
    const calls = Array.from({ length: random.int(3) }, (_, at) => call(random, `${turn}_${at}`));
    items.push(...calls, ...calls.map((one) => outputOf(random, one)));
    if (random.int(4) === 0) items.push({ type: 'message', role: 'developer', content: [inputText(random)] });
    items.push(userMessage(random));
  }
  return items;
}

function inputText(random: SeededRandom): Loose {
  return { type: 'input_text', text: random.pick(TEXTS) };
}

function inputPart(random: SeededRandom): Loose {
  const kind = random.int(4);
  if (kind === 0)
    return {
      type: 'input_image',
      image_url: 'data:image/png;base64,AAAA',
      detail: random.pick(['low', 'auto']),
    };
  if (kind === 1)
    return { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' };
  return inputText(random);
}

function userMessage(random: SeededRandom): Loose {
  const content = Array.from({ length: 1 + random.int(3) }, () => inputPart(random));
  return { type: 'message', role: 'user', content };
}

function assistantMessage(random: SeededRandom, turn: number): Loose {
  const content = Array.from({ length: 1 + random.int(2) }, () =>
    random.int(5) === 0
      ? { type: 'refusal', refusal: random.pick(TEXTS) }
      : { type: 'output_text', text: random.pick(TEXTS), annotations: [] },
  );
  return {
    type: 'message',
    id: `msg_${turn}`,
    role: 'assistant',
    content,
    ...(random.int(3) === 0 ? { phase: random.pick(['commentary', 'final_answer']) } : {}),
  };
}

function reasoning(random: SeededRandom, turn: number): Loose {
  const summary = Array.from({ length: random.int(3) }, () => ({
    type: 'summary_text',
    text: random.pick(TEXTS),
  }));
  return {
    type: 'reasoning',
    ...(random.int(2) === 0 ? { id: `rs_${turn}` } : {}),
    summary,
    ...(random.int(3) === 0 ? { content: [{ type: 'reasoning_text', text: random.pick(TEXTS) }] } : {}),
    encrypted_content: `gAAAA${turn}==`,
  };
}

function call(random: SeededRandom, number: string): Loose {
  const id = random.int(2) === 0 ? { id: `fc_${number}` } : {};
  if (random.int(3) === 0)
    return { type: 'custom_tool_call', call_id: `call_${number}`, name: 'patch', input: random.pick(TEXTS) };
  return {
    type: 'function_call',
    ...id,
    call_id: `call_${number}`,
    name: 'echo',
    ...(random.int(2) === 0 ? { namespace: 'mcp__gw' } : {}),
    arguments: random.pick(['{}', '{"n":10000000000000000001}', '{ "s" : "\\u00e9" }']),
  };
}

function outputOf(random: SeededRandom, { type, call_id }: Loose): Loose {
  const parts = [inputPart(random), inputPart(random)];
  return { type: `${type}_output`, call_id, output: random.int(2) === 0 ? random.pick(TEXTS) : parts };
}
