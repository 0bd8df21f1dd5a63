import type { FormatName } from '../../../src/llm/conversation/format-name.ts';
import type { Part, Source } from '../../../src/llm/conversation/parts.ts';
import type {
  ModelRequest,
  Reasoning,
  Tool,
  ToolChoice,
  Turn,
} from '../../../src/llm/conversation/request.ts';
import type { SeededRandom } from '../seeded-random.ts';

const TEXTS = ['Hello.', 'Wie geht’s? ☀️', 'a\nb', '天気', '"quoted" \\ back', '</s> data: [DONE]'];
const SCHEMAS = [
  { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
  {
    type: 'object',
    properties: { list: { type: 'array', items: { type: 'integer', minimum: 1 } } },
    required: ['list'],
  },
  {
    type: 'object',
    properties: { a: { type: 'string', enum: ['x', 'y'] } },
    required: ['a'],
    additionalProperties: false,
  },
  {
    type: 'object',
    properties: { a: { $ref: '#/$defs/n' } },
    $defs: { n: { type: ['number', 'null'] } },
    required: [],
  },
];

/**
 * A valid conversation of a client of the format, over everything that a conversation can say, whether or not the format has words for it. Whatever
 * is said has a mark that nothing else has, so that it can be found again.
 */
export function anyRequest(random: SeededRandom, format: FormatName): ModelRequest {
  return new RequestMaker(random, format).make();
}

class RequestMaker {
  readonly #random: SeededRandom;
  readonly #format: FormatName;
  #marks = 0;

  constructor(random: SeededRandom, format: FormatName) {
    this.#random = random;
    this.#format = format;
  }

  make(): ModelRequest {
    const tools = this.#tools();
    const isChat = this.#format === 'chat';
    const reasoning = this.#may(4)
      ? this.#random.pick<Reasoning>([
          { effort: 'low' },
          isChat ? { effort: 'medium' } : { budgetTokens: 2048 },
        ])
      : undefined;
    const names = tools.flatMap((tool) => ('name' in tool ? [tool] : []));
    return {
      model: 'the-model',
      isStream: this.#may(2),
      system: this.#some(2, () => this.#text()),
      turns: this.#turns(names),
      tools,
      ...(names.length > 0 && this.#may(2) ? { toolChoice: this.#choice(names) } : {}),
      ...(names.length > 0 && this.#may(4) ? { parallelToolCalls: false } : {}),
      sampling: {
        ...this.#maybe({ temperature: 0.5 }),
        ...this.#maybe({ topP: 0.75 }),
        ...this.#maybe({ topK: 40 }),
        ...this.#maybe({ maxTokens: 30_000 + this.#random.int(2000) }),
        ...this.#maybe({ stop: ['END', '\n\nHuman:'] }),
        ...this.#maybe({ seed: 7 }),
        ...this.#maybe({ presencePenalty: 0.25 }),
        ...this.#maybe({ frequencyPenalty: 0.125 }),
        ...(isChat ? {} : this.#maybe({ choices: 2 })),
        ...this.#maybe({ logprobs: { top: 3 } }),
      },
      ...(reasoning === undefined ? {} : { reasoning }),
      ...this.#maybe({
        output: this.#random.pick([
          { kind: 'json' as const },
          { kind: 'schema' as const, name: 'shape', schema: this.#random.pick(SCHEMAS) },
        ]),
      }),
      ...this.#maybe({ verbosity: 'low' }),
      ...this.#maybe({ user: 'somebody' }),
      ...this.#maybe({ metadata: { trace: 'x1' } }),
      ...this.#maybe({ serviceTier: 'priority' }),
      ...this.#maybe({ cacheKey: 'key-1' }),
      extras: {
        format: this.#format,
        members: this.#may(4) ? { novel: { deep: [1] } } : {},
        // Chat Completions has several words for it, and keeps its client's.
        ...(isChat ? { own: reasoning === undefined ? {} : { reasoning_effort: reasoning.effort } } : {}),
      },
    };
  }

  #turns(tools: readonly Extract<Tool, { readonly name: string }>[]): readonly Turn[] {
    const turns: Turn[] = [];
    const rounds = 1 + this.#random.int(3);
    for (let round = 0; round < rounds; round++) {
      const asked = [this.#text(), ...this.#some(2, () => this.#media())];
      turns.push({ role: 'user', parts: asked, ...this.#maybe({ name: 'ada' }) });
      if (this.#may(5)) turns.push({ role: 'system', parts: [this.#text()] });
      const calls = tools.length === 0 ? [] : this.#some(3, () => this.#call(this.#random.pick(tools)));
      turns.push({
        role: 'assistant',
        parts: [
          ...(this.#may(2) ? [this.#thought()] : []),
          ...(this.#may(6) ? [this.#refusal()] : [this.#text()]),
          ...calls,
        ],
      });
      if (calls.length === 0) continue;
      const also = this.#may(3) ? [this.#text()] : [];
      turns.push({ role: 'user', parts: [...calls.map((call) => this.#result(call)), ...also] });
      turns.push({ role: 'assistant', parts: [this.#text()] });
    }
    turns.push({ role: 'user', parts: [this.#text()] });
    return turns;
  }

  #tools(): readonly Tool[] {
    return this.#some(3, (): Tool => {
      const name = `f_${this.#mark()}`;
      if (this.#may(6)) return { kind: 'freeform', name, description: this.#said() };
      if (this.#may(8))
        return { kind: 'foreign', format: this.#format, value: { type: `own_${this.#mark()}` } };
      return {
        kind: 'function',
        name,
        ...(this.#format === 'responses' && this.#may(4) ? { namespace: 'mcp__gw' } : {}),
        description: this.#said(),
        schema: this.#random.pick(SCHEMAS),
        ...this.#maybe({ strict: true }),
        ...this.#maybe({ cache: { ttl: '5m' as const } }),
      };
    });
  }

  #choice(tools: readonly Extract<Tool, { readonly name: string }>[]): ToolChoice {
    const { name, namespace } = this.#random.pick(tools);
    return this.#random.pick<ToolChoice>([
      { kind: 'auto' },
      { kind: 'required' },
      { kind: 'none' },
      { kind: 'tool', name, ...(namespace === undefined ? {} : { namespace }) },
    ]);
  }

  #call(tool: Extract<Tool, { readonly name: string }>): Extract<Part, { kind: 'tool-call' }> {
    const isFreeform = tool.kind === 'freeform';
    const { name, namespace } = tool;
    return {
      kind: 'tool-call',
      id: `call_${this.#mark()}`,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      input: isFreeform ? this.#said() : JSON.stringify({ a: this.#said(), n: [1, { b: null }] }),
      ...(isFreeform ? { isFreeform } : {}),
      ...(this.#format === 'gemini' && this.#may(2) ? { seal: this.#seal() } : {}),
    };
  }

  #result(call: Extract<Part, { kind: 'tool-call' }>): Part {
    return {
      kind: 'tool-result',
      callId: call.id,
      name: call.name,
      content: [this.#text(), ...(this.#may(4) ? [this.#image()] : [])],
      ...this.#maybe({ isError: true }),
      ...(call.isFreeform === true ? { isFreeform: true } : {}),
    };
  }

  #thought(): Part {
    const text = this.#said();
    return { kind: 'thinking', text, ...(this.#may(4) ? {} : { seal: this.#seal() }) };
  }

  #seal() {
    const kind = this.#format === 'responses' ? ('encrypted' as const) : ('signature' as const);
    return { format: this.#format, kind, value: this.#bytes('seal') };
  }

  #text(): Part {
    return { kind: 'text', text: this.#said(), ...(this.#may(6) ? { cache: { ttl: '1h' as const } } : {}) };
  }

  #refusal(): Part {
    return { kind: 'refusal', text: this.#said() };
  }

  #media(): Part {
    const { int } = this.#random;
    switch (int(4)) {
      case 0:
        return {
          kind: 'document',
          source: this.#random.pick<() => Source>([
            () => ({ kind: 'base64', mediaType: 'application/pdf', data: this.#bytes('%PDF-') }),
            () => ({
              kind: 'base64',
              mediaType: 'text/csv',
              data: Buffer.from(this.#said()).toString('base64'),
            }),
            // Chat Completions has no such document: its clients write the text.
            ...(this.#format === 'chat' ? [] : [(): Source => ({ kind: 'text', text: this.#said() })]),
            () => ({ kind: 'url', url: `https://example.org/${this.#mark()}.pdf` }),
          ])(),
          ...this.#maybe({ name: `n_${this.#mark()}.pdf` }),
          ...this.#maybe({ context: this.#said() }),
        };
      case 1:
        return this.#random.pick<Part>([
          { kind: 'audio', source: { kind: 'base64', mediaType: 'audio/wav', data: this.#bytes('RIFF') } },
          {
            kind: 'video',
            source: { kind: 'url', url: `https://example.org/${this.#mark()}.mp4`, mediaType: 'video/mp4' },
          },
        ]);
      default:
        return this.#image();
    }
  }

  #image(): Part {
    return {
      kind: 'image',
      source: this.#may(2)
        ? { kind: 'base64', mediaType: 'image/png', data: this.#bytes('\x89PNG') }
        : { kind: 'url', url: `https://example.org/${this.#mark()}.png` },
      ...this.#maybe({ detail: 'high' }),
    };
  }

  #said(): string {
    return `${this.#mark()} ${this.#random.pick(TEXTS)}`;
  }

  #bytes(start: string): string {
    return Buffer.from(start + this.#mark()).toString('base64');
  }

  #mark(): string {
    this.#marks += 1;
    return `m${this.#marks}x`;
  }

  /** Once in `times`. */
  #may(times: number): boolean {
    return this.#random.int(times) === 0;
  }

  #maybe<T extends object>(members: T): T | Partial<T> {
    return this.#may(4) ? members : {};
  }

  #some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.#random.int(most + 1) }, make);
  }
}
