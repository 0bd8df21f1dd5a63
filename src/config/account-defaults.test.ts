import { expect, it } from 'vitest';
import { inspectConfig } from './load.ts';
import { formatProblem } from './problem.ts';

async function inspect(text: string) {
  const { config, problems } = await inspectConfig({
    file: 'c.yaml',
    env: {},
    readFile: () => Promise.resolve(Buffer.from(text)),
  });
  return { accounts: config?.accounts, problems: problems.map(formatProblem) };
}

it('of bounds that stand in both places, the lower ones count', async () => {
  const { accounts, problems } = await inspect(
    'general_settings: {upperbound_key_generate_params: {max_budget: 5, rpm_limit: 9}}\nlitellm_settings: {upperbound_key_generate_params: {max_budget: 7, duration: 1d}}\n',
  );
  expect(problems).toEqual([]);
  expect(accounts?.keyMax).toEqual({ max_budget: 5, rpm_limit: 9, duration: 86_400_000 });
});

it('defaults over the bounds are refused, and what of a team is not acted on is told', async () => {
  const { accounts, problems } = await inspect(
    'litellm_settings:\n  upperbound_key_generate_params: {max_budget: 5}\n  default_key_generate_params: {max_budget: 6}\n  default_team_settings:\n    - {team_id: a, success_callback: [langfuse], langfuse_secret: s}\n',
  );
  expect(accounts).toBeUndefined();
  expect(problems).toEqual([
    'c.yaml:3:33: error: litellm_settings.default_key_generate_params.max_budget: is over upperbound_key_generate_params, so that no key could be made.',
    'c.yaml:5:20: warning: litellm_settings.default_team_settings[0].success_callback: is a LiteLLM setting that Lanport does not act on.',
    'c.yaml:5:50: warning: litellm_settings.default_team_settings[0].langfuse_secret: is a LiteLLM setting that Lanport does not act on.',
  ]);
});

it('a misspelled bound is no bound, and refused', async () => {
  const { problems } = await inspect(
    'litellm_settings: {upperbound_key_generate_params: {max_budgets: 5}, default_internal_user_params: {available_teams: [a]}}\n',
  );
  expect(problems).toEqual([
    expect.stringContaining('max_budgets'),
    expect.stringContaining('available_teams: is a LiteLLM setting that Lanport does not act on'),
  ]);
});
