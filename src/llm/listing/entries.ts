import type { Deployment } from '../providers/deployment.ts';
import type { ListedModel } from '../usage/price-table.ts';
import type { ModelEntry } from './model-entry.ts';

/** What is known of a name that clients may ask for, from its first deployment and the bundled list. */
export function entryOf(
  id: string,
  { config, provider }: Deployment,
  listed: ListedModel | undefined,
  createdAt: number,
): ModelEntry {
  const { info } = config;
  const text = (name: string): string | undefined =>
    typeof info[name] === 'string' ? info[name] : undefined;
  const count = (name: string): number | undefined =>
    typeof info[name] === 'number' ? info[name] : undefined;
  const { codex } = info;
  return {
    id,
    displayName: text('display_name') ?? id,
    description: text('description'),
    createdAt,
    mode: text('mode') ?? listed?.mode ?? 'chat',
    owner: provider,
    context: count('max_input_tokens') ?? count('max_tokens') ?? listed?.context,
    outputMax: count('max_output_tokens') ?? listed?.outputMax,
    codex: typeof codex === 'object' && codex !== null ? (codex as Record<string, unknown>) : {},
  };
}

/** The names that a wildcard stands for, as far as the bundled list knows them: `openai/*` on `openai/*` is each model of OpenAI. */
export function expand(name: string, model: string, listed: readonly string[]): readonly string[] {
  const [before = '', after = ''] = split(name);
  const pattern = split(model.includes('*') ? model : '*');
  const [from = '', to = ''] = pattern;
  return listed
    .filter((one) => one.length > from.length + to.length && one.startsWith(from) && one.endsWith(to))
    .map((one) => `${before}${one.slice(from.length, one.length - to.length)}${after}`);
}

function split(pattern: string): readonly string[] {
  const star = pattern.indexOf('*');
  return [pattern.slice(0, star), pattern.slice(star + 1)];
}
