/** The tools that every test server offers, so that one table of expectations holds for all of them. */

export const TOOLS = [
  {
    name: 'echo',
    description: 'Gives back its text.',
    inputSchema: { type: 'object' as const, properties: { text: { type: 'string' } }, required: ['text'] },
    annotations: { readOnlyHint: true, title: 'Echo' },
  },
  {
    name: 'structured',
    description: 'Gives back structured content, unknown fields and content of a kind that nobody knows.',
    inputSchema: { type: 'object' as const, properties: {} },
    outputSchema: { type: 'object' as const, properties: { rows: { type: 'array' } }, required: ['rows'] },
    annotations: { readOnlyHint: true },
  },
  {
    name: 'fail',
    description: 'Reports an error.',
    inputSchema: { type: 'object' as const, properties: {} },
  },
  {
    name: 'pid',
    description: 'Tells its process.',
    inputSchema: { type: 'object' as const, properties: {} },
  },
];

export const STRUCTURED = {
  content: [{ type: 'text', text: '{"rows":[[1]]}', annotations: { audience: ['user'] } }],
  structuredContent: { rows: [[1, null, 'ü', { deep: [true] }]] },
  _meta: { 'example.com/trace': 'kept' },
};

export interface CallParams {
  readonly name: string;
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
}

/** The result of one call. Throws for a tool that does not exist. */
export function callTool({ name, arguments: args }: CallParams): Record<string, unknown> {
  switch (name) {
    case 'echo':
      return { content: [{ type: 'text', text: String(args?.['text']) }] };
    case 'structured':
      return STRUCTURED;
    case 'fail':
      return { content: [{ type: 'text', text: 'it went wrong on purpose' }], isError: true };
    case 'pid':
      return { content: [{ type: 'text', text: String(process.pid) }] };
    default:
      throw new Error(`no tool ${name}`);
  }
}
