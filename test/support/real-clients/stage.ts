import { configWith, startGateway, type TestGateway } from '../gateway.ts';
import { type ProviderAct, startProvider, type TestProvider } from '../llm/provider.ts';
import { startTestPostgres } from '../postgres.ts';
import { serversSettled } from '../servers.ts';
import { type ModelFormat, scriptedModel } from './scripted-model.ts';

/** What the only row of the table says; nothing but the database knows it. */
export const SECRET = 'ultramarine-4711';
/** What the model answers when it is asked for nothing that needs a tool. */
export const PLAIN = 'Good morning to you.';
/** The words with which a user makes the model look into the database. */
export const QUESTION = 'Which colour is in the database?';

/** A gateway with a real database and a model that is asked in one format. */
export interface Stage extends AsyncDisposable {
  readonly gateway: TestGateway;
  readonly provider: TestProvider;
  /** What the provider does when nothing else was said to it. */
  readonly model: ProviderAct;
}

const SQL = 'SELECT name FROM colours';

/**
 * Starts a gateway with the PostgreSQL connector as server `db`, and `model` as a model whose provider speaks this format. Asked about the
 * database, the model calls `execute_sql` and says what it found; it answers other questions with `PLAIN`.
 */
export async function openStage(model: string, format: ModelFormat): Promise<Stage> {
  const stack = new AsyncDisposableStack();
  try {
    const postgres = stack.use(await startTestPostgres());
    const database = await postgres.createDatabase();
    await postgres.query(
      database,
      `CREATE TABLE colours (name text); INSERT INTO colours VALUES ('${SECRET}')`,
    );
    const act = scriptedModel(format, ({ tools, results, said }) => {
      const found = results.find((result) => result.includes(SECRET));
      if (found !== undefined) return { text: `It is ${SECRET}.` };
      if (!said.includes(QUESTION)) return { text: PLAIN };
      const sql = tools.find((name) => name.endsWith('execute_sql'));
      if (sql !== undefined && results.length < 3) return { name: sql, input: { sql: SQL } };
      // Claude Code names tools of servers in words first, and gives those that are asked for with the next request.
      const named = /mcp__\w+__execute_sql/.exec(said)?.[0];
      if (tools.includes('ToolSearch') && named !== undefined && results.length === 0)
        return { name: 'ToolSearch', input: { query: `select:${named}` } };
      return { text: `Nothing found. Tools: ${tools.join(' ')}. Results: ${results.join(' ')}` };
    });
    const provider = stack.use(await startProvider(act));
    const api_base = format === 'gemini' ? `${provider.url}/v1beta` : `${provider.url}/v1`;
    const gateway = stack.use(
      await startGateway({
        config: configWith(
          { db: { command: 'lanport:postgres', env: { DATABASE_URI: database } } },
          {
            model_list: [
              {
                model_name: model,
                litellm_params: { model: PROVIDER_MODELS[format], api_base, api_key: 'sk-upstream' },
              },
            ],
          },
        ),
      }),
    );
    await serversSettled(gateway);
    const owned = stack.move();
    return { gateway, provider, model: act, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

const PROVIDER_MODELS: Readonly<Record<ModelFormat, string>> = {
  chat: 'custom_openai/scripted',
  responses: 'openai/responses/scripted',
  messages: 'anthropic/scripted',
  gemini: 'gemini/scripted',
};
