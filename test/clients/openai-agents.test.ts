import { load } from '../support/real-clients/load.ts';
import { testClient } from '../support/real-clients/suite.ts';

interface McpServer {
  connect(): Promise<void>;
  close(): Promise<void>;
}

interface Streamed extends AsyncIterable<unknown> {
  readonly completed: Promise<void>;
  readonly finalOutput: string;
}

/** As much of `@openai/agents` as is used here. */
interface AgentsSdk {
  readonly Agent: new (options: object) => object;
  readonly OpenAIProvider: new (options: object) => object;
  readonly Runner: new (
    options: object,
  ) => {
    run(agent: object, prompt: string, options: { readonly stream: true }): Promise<Streamed>;
  };
  readonly MCPServerStreamableHttp: new (options: object) => McpServer;
}

await testClient({
  name: 'The OpenAI Agents SDK',
  list: 'sdks',
  model: 'agents-through-lanport',
  provider: 'gemini',
  ask: async ({ modules, stage: { gateway }, model, prompt, usesMcp, headers }) => {
    const sdk = await load<AgentsSdk>(modules, '@openai/agents');
    const server = new sdk.MCPServerStreamableHttp({
      url: `${gateway.url}/mcp`,
      requestInit: { headers: { authorization: `Bearer ${gateway.key}` } },
    });
    if (usesMcp) await server.connect();
    try {
      const agent = new sdk.Agent({
        name: 'Painter',
        instructions: 'Answer in few words.',
        model,
        modelSettings: { providerData: { extra_headers: headers } },
        mcpServers: usesMcp ? [server] : [],
      });
      const runner = new sdk.Runner({
        modelProvider: new sdk.OpenAIProvider({ baseURL: `${gateway.url}/v1`, apiKey: gateway.key }),
        tracingDisabled: true,
      });
      const run = await runner.run(agent, prompt, { stream: true });
      for await (const event of run) void event;
      await run.completed;
      return run.finalOutput;
    } finally {
      if (usesMcp) await server.close();
    }
  },
});
