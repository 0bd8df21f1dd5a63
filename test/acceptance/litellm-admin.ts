import { expect } from 'vitest';

/**
 * Requests of LiteLLM's documentation (docs.litellm.ai, pages under /docs/proxy) with what must be answered: the status, and of the body
 * what matters, as `toMatchObject` compares it. `$name` in a path, a body, a key or an expected text is a value that an answer before
 * it had, named by `keep`.
 */
export interface Pair {
  readonly name: string;
  readonly request: `${'GET' | 'POST'} ${string}`;
  readonly body?: unknown;
  /** Whose key is sent; the master key's when absent. */
  readonly as?: string;
  readonly status?: number;
  readonly answer?: unknown;
  /** Members that the answer must not have, as paths. */
  readonly without?: readonly string[];
  /** Names for values of the answer, each with its path: `data.0.id`. */
  readonly keep?: Readonly<Record<string, string>>;
}

/** Pairs that follow each other. */
export interface Story {
  /** Where it is documented: a page under docs.litellm.ai/docs/proxy, or a client. */
  readonly page: string;
  readonly title: string;
  readonly pairs: readonly Pair[];
}

const KEY = expect.stringMatching(/^sk-\S{16,}$/);
const TOKEN = expect.stringMatching(/^[0-9a-f]{64}$/);
const MOMENT = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d/);
/** What one call costs: the mock's price is that of gpt-4o. */
const SPENT = expect.closeTo(0.0000925, 9);
const refused = (type: string, param: unknown, code: string, message: RegExp) => ({
  error: { message: expect.stringMatching(message), type, param, code },
});
const chat = (model: string) => ({ model, messages: [{ role: 'user', content: 'this is a test request' }] });
const DATES = 'start_date=2020-01-01&end_date=2099-12-31';
const TODAY = new Date().toISOString().slice(0, 10);

export const STORIES: readonly Story[] = [
  {
    page: 'virtual_keys',
    title: 'a key is generated, used, looked at, changed, blocked and deleted',
    pairs: [
      {
        name: 'generate with models and metadata',
        request: 'POST /key/generate',
        body: { models: ['gpt-3.5-turbo', 'gpt-4'], metadata: { user: 'ishaan@berri.ai' }, duration: '20m' },
        answer: {
          key: KEY,
          token: TOKEN,
          token_id: TOKEN,
          key_name: expect.stringMatching(/^sk-\.\.\.\S{4}$/),
          expires: MOMENT,
          models: ['gpt-3.5-turbo', 'gpt-4'],
          metadata: { user: 'ishaan@berri.ai' },
          max_budget: null,
          spend: 0,
          user_id: null,
          team_id: null,
          aliases: {},
          config: {},
          permissions: {},
        },
        keep: { key: 'key', token: 'token' },
      },
      {
        name: 'use it',
        request: 'POST /chat/completions',
        as: '$key',
        body: chat('gpt-4'),
        answer: { object: 'chat.completion' },
      },
      {
        name: 'info by the key tells what it spent, and never the value',
        request: 'GET /key/info?key=$key',
        answer: {
          key: '$key',
          info: {
            key_name: expect.any(String),
            spend: SPENT,
            models: ['gpt-3.5-turbo', 'gpt-4'],
            blocked: false,
            expires: MOMENT,
            created_at: MOMENT,
            created_by: 'master',
          },
        },
        without: ['info.key'],
      },
      {
        name: 'info by the token',
        request: 'GET /key/info?key=$token',
        answer: { key: '$token', info: { spend: SPENT } },
      },
      {
        name: 'a key asks about itself',
        request: 'GET /key/info',
        as: '$key',
        answer: { info: { models: ['gpt-3.5-turbo', 'gpt-4'] } },
      },
      {
        name: 'update models, metadata and budget',
        request: 'POST /key/update',
        body: {
          key: '$key',
          models: ['gpt-3.5-turbo'],
          metadata: { user: 'krrish@berri.ai' },
          max_budget: 10,
          tpm_limit: 20,
          rpm_limit: 4,
        },
        answer: {
          key: '$key',
          models: ['gpt-3.5-turbo'],
          metadata: { user: 'krrish@berri.ai' },
          max_budget: 10,
          tpm_limit: 20,
          rpm_limit: 4,
        },
      },
      {
        name: 'what is not named stays, null takes away',
        request: 'POST /key/update',
        body: { key: '$token', tpm_limit: null, rpm_limit: null },
        answer: { models: ['gpt-3.5-turbo'], max_budget: 10, tpm_limit: null, rpm_limit: null },
      },
      {
        name: 'the change is in force at once',
        request: 'POST /chat/completions',
        as: '$key',
        body: chat('gpt-4'),
        status: 404,
      },
      {
        name: 'block',
        request: 'POST /key/block',
        body: { key: '$key' },
        answer: { token: '$token', blocked: true },
      },
      {
        name: 'a blocked key is refused',
        request: 'GET /key/info',
        as: '$key',
        status: 401,
        answer: refused('auth_error', null, '401', /blocked/),
      },
      {
        name: 'unblock',
        request: 'POST /key/unblock',
        body: { key: '$key' },
        answer: { token: '$token', blocked: false },
      },
      {
        name: 'health of a key',
        request: 'POST /key/health',
        as: '$key',
        body: {},
        answer: { key: 'healthy', logging_callbacks: null },
      },
      {
        name: 'info of several',
        request: 'POST /v2/key/info',
        body: { keys: ['$key'] },
        answer: { key: ['$key'], info: [{ token: '$token' }] },
      },
      {
        name: 'delete',
        request: 'POST /key/delete',
        body: { keys: ['$key'] },
        answer: { deleted_keys: ['$key'] },
      },
      {
        name: 'a deleted key is refused',
        request: 'GET /key/info',
        as: '$key',
        status: 401,
        answer: refused('token_not_found_in_db', 'key', '401', /not known/),
      },
      {
        name: 'info of a key that is not there',
        request: 'GET /key/info?key=$key',
        status: 404,
        answer: refused('not_found_error', 'key', '404', /no key/),
      },
    ],
  },
  {
    page: 'ncecere/terraform-provider-litellm',
    title: 'a plan is applied, read back, changed and destroyed',
    pairs: [
      {
        name: 'a team',
        request: 'POST /team/new',
        body: {
          team_id: 'tf-team',
          team_alias: 'tf',
          organization_id: 'org',
          metadata: { env: 'prod' },
          models: ['gpt-4'],
          tpm_limit: 1000,
          rpm_limit: 10,
          max_budget: 100,
          budget_duration: '30d',
          blocked: false,
          model_aliases: {},
          tags: [],
          guardrails: [],
          prompts: [],
          team_member_permissions: [],
          model_rpm_limit: {},
          model_tpm_limit: {},
          team_member_budget: 5,
        },
      },
      {
        name: 'is read',
        request: 'GET /team/info?team_id=tf-team',
        answer: {
          team_info: {
            team_alias: 'tf',
            organization_id: 'org',
            metadata: { env: 'prod' },
            models: ['gpt-4'],
            tpm_limit: 1000,
            rpm_limit: 10,
            max_budget: 100,
            budget_duration: '30d',
            blocked: false,
          },
        },
      },
      {
        name: 'a user',
        request: 'POST /user/new',
        body: {
          user_id: 'tf-user',
          user_email: 'tf@berri.ai',
          user_alias: 'tf',
          user_role: 'internal_user',
          teams: ['tf-team'],
          models: ['gpt-4'],
          max_budget: 10,
          budget_duration: '30d',
          tpm_limit: 100,
          rpm_limit: 10,
          auto_create_key: false,
          metadata: {},
        },
      },
      {
        name: 'is read',
        request: 'GET /user/info?user_id=tf-user',
        answer: {
          user_info: {
            user_email: 'tf@berri.ai',
            user_alias: 'tf',
            user_role: 'internal_user',
            teams: ['tf-team'],
            max_budget: 10,
            budget_duration: '30d',
            tpm_limit: 100,
            rpm_limit: 10,
          },
        },
      },
      {
        name: 'a key with every field of the provider',
        request: 'POST /key/generate',
        body: {
          key_alias: 'tf-key',
          models: ['gpt-4'],
          max_budget: 100,
          user_id: 'tf-user',
          team_id: 'tf-team',
          max_parallel_requests: 5,
          metadata: { env: 'prod' },
          tpm_limit: 1000,
          rpm_limit: 60,
          budget_duration: '30d',
          allowed_cache_controls: ['no-cache'],
          soft_budget: 80,
          duration: '30d',
          aliases: { small: 'gpt-4' },
          config: {},
          permissions: {},
          model_max_budget: { 'gpt-4': { budget_limit: 10, time_period: '1d' } },
          model_rpm_limit: { 'gpt-4': 5 },
          model_tpm_limit: { 'gpt-4': 500 },
          guardrails: [],
          blocked: false,
          tags: ['tf'],
          allowed_routes: ['llm_api_routes'],
          allowed_passthrough_routes: [],
          enforced_params: [],
          prompts: [],
        },
        answer: { key: KEY, key_alias: 'tf-key' },
        without: ['warnings'],
        keep: { key: 'key', token: 'token' },
      },
      {
        name: 'is read',
        request: 'GET /key/info?key=$token',
        answer: {
          info: {
            key_alias: 'tf-key',
            models: ['gpt-4'],
            max_budget: 100,
            user_id: 'tf-user',
            team_id: 'tf-team',
            max_parallel_requests: 5,
            metadata: {
              env: 'prod',
              tags: ['tf'],
              model_rpm_limit: { 'gpt-4': 5 },
              model_tpm_limit: { 'gpt-4': 500 },
            },
            tpm_limit: 1000,
            rpm_limit: 60,
            budget_duration: '30d',
            allowed_cache_controls: ['no-cache'],
            soft_budget: 80,
            aliases: { small: 'gpt-4' },
            model_max_budget: { 'gpt-4': { budget_limit: 10, time_period: '1d' } },
            blocked: false,
            allowed_routes: ['llm_api_routes'],
          },
        },
      },
      {
        name: 'a member',
        request: 'POST /team/member_update',
        body: { team_id: 'tf-team', user_id: 'tf-user', role: 'admin', max_budget_in_team: 7 },
        answer: { max_budget_in_team: 7 },
      },
      {
        name: 'is in the memberships',
        request: 'GET /team/info?team_id=tf-team',
        answer: { team_memberships: [{ user_id: 'tf-user', litellm_budget_table: { max_budget: 7 } }] },
      },
      {
        name: 'spend set by hand counts',
        request: 'POST /key/update',
        body: { key: '$token', spend: 2.5 },
        answer: { spend: 2.5 },
      },
      {
        name: 'and can be taken back',
        request: 'POST /key/update',
        body: { key: '$token', spend: 0 },
        answer: { spend: 0 },
      },
      {
        name: 'the key is destroyed',
        request: 'POST /key/delete',
        body: { keys: ['$token'] },
        answer: { deleted_keys: ['$token'] },
      },
      {
        name: 'the user is destroyed',
        request: 'POST /user/delete',
        body: { user_ids: ['tf-user'] },
        answer: 1,
      },
      {
        name: 'the team has it no more',
        request: 'GET /team/info?team_id=tf-team',
        answer: { team_info: { members_with_roles: [] }, team_memberships: [] },
      },
      {
        name: 'the team is destroyed',
        request: 'POST /team/delete',
        body: { team_ids: ['tf-team'] },
        answer: { deleted_teams: ['tf-team'] },
      },
    ],
  },
  {
    page: 'virtual_keys',
    title: 'keys have aliases and values of their own, and are listed',
    pairs: [
      {
        name: 'a chosen value',
        request: 'POST /key/generate',
        body: {
          key: 'sk-my-own-key-0123456789',
          key_alias: 'prod-app1',
          models: ['gpt-4'],
          aliases: { mine: 'gpt-4' },
          tags: ['app1'],
        },
        answer: {
          key: 'sk-my-own-key-0123456789',
          key_name: 'sk-...6789',
          key_alias: 'prod-app1',
          aliases: { mine: 'gpt-4' },
          metadata: { tags: ['app1'] },
          expires: null,
        },
        keep: { token: 'token' },
      },
      {
        name: 'an alias that is taken',
        request: 'POST /key/generate',
        body: { key_alias: 'prod-app1' },
        status: 400,
        answer: refused('bad_request_error', 'key_alias', '400', /already/),
      },
      {
        name: 'list: tokens',
        request: 'GET /key/list',
        answer: { keys: ['$token'], total_count: 1, current_page: 1, total_pages: 1 },
      },
      {
        name: 'list: whole keys, by alias',
        request: 'GET /key/list?return_full_object=true&key_alias=prod-app1&page=1&size=10',
        answer: { keys: [{ token: '$token', key_alias: 'prod-app1', spend: 0 }], total_count: 1 },
      },
      {
        name: 'list: a page after the last',
        request: 'GET /key/list?page=2&size=10',
        answer: { keys: [], total_count: 1, current_page: 2 },
      },
      { name: 'aliases', request: 'GET /key/aliases', answer: { aliases: ['prod-app1'] } },
      { name: 'spend by key', request: 'GET /spend/keys', answer: [{ token: '$token', spend: 0 }] },
      {
        name: 'regenerate: another value, the same limits',
        request: 'POST /key/sk-my-own-key-0123456789/regenerate',
        body: { max_budget: 100, metadata: { team: 'core-infra' }, models: ['gpt-4', 'gpt-3.5-turbo'] },
        answer: {
          key: KEY,
          key_alias: 'prod-app1',
          max_budget: 100,
          models: ['gpt-4', 'gpt-3.5-turbo'],
          metadata: { team: 'core-infra' },
        },
        keep: { next: 'key' },
      },
      {
        name: 'the old value is refused',
        request: 'POST /key/health',
        as: 'sk-my-own-key-0123456789',
        status: 401,
      },
      {
        name: 'regenerate to a chosen value',
        request: 'POST /key/regenerate',
        body: { key: '$next', new_key: 'sk-chosen-0123456789abcdef' },
        answer: { key: 'sk-chosen-0123456789abcdef', key_alias: 'prod-app1' },
      },
      {
        name: 'delete by alias',
        request: 'POST /key/delete',
        body: { key_aliases: ['prod-app1'] },
        answer: { deleted_keys: ['prod-app1'] },
      },
      {
        name: 'delete without a name',
        request: 'POST /key/delete',
        body: {},
        status: 422,
        answer: refused('validation_error', 'keys', '422', /key_aliases/),
      },
      {
        name: 'delete what is not there',
        request: 'POST /key/delete',
        body: { keys: ['sk-never-was-here-0123'] },
        status: 404,
        answer: refused('not_found_error', 'key', '404', /no key/),
      },
    ],
  },
  {
    page: 'users',
    title: 'users are made with a key, seen with keys and teams, changed and deleted',
    pairs: [
      {
        name: 'new user with budget',
        request: 'POST /user/new',
        body: {
          user_id: 'krrish3@berri.ai',
          user_email: 'krrish3@berri.ai',
          user_role: 'internal_user',
          models: ['gpt-4'],
          max_budget: 20,
          budget_duration: '1h',
        },
        answer: {
          key: KEY,
          user_id: 'krrish3@berri.ai',
          user_email: 'krrish3@berri.ai',
          user_role: 'internal_user',
          max_budget: 20,
          budget_duration: '1h',
          budget_reset_at: MOMENT,
          models: ['gpt-4'],
          teams: [],
          expires: null,
        },
        keep: { key: 'key' },
      },
      { name: 'the key works', request: 'POST /chat/completions', as: '$key', body: chat('gpt-4') },
      {
        name: 'an id that is taken',
        request: 'POST /user/new',
        body: { user_id: 'krrish3@berri.ai' },
        status: 400,
        answer: refused('bad_request_error', 'user_id', '400', /already/),
      },
      {
        name: 'info',
        request: 'GET /user/info?user_id=krrish3@berri.ai',
        answer: {
          user_id: 'krrish3@berri.ai',
          user_info: { spend: SPENT, max_budget: 20, teams: [] },
          keys: [{ user_id: 'krrish3@berri.ai', spend: SPENT }],
          teams: [],
        },
      },
      {
        name: 'a user asks about itself',
        request: 'GET /user/info',
        as: '$key',
        answer: { user_id: 'krrish3@berri.ai' },
      },
      {
        name: 'and not about others',
        request: 'GET /user/info?user_id=other',
        as: '$key',
        status: 404,
        answer: refused('not_found_error', 'user_id', '404', /no user/),
      },
      {
        name: 'another key of the user',
        request: 'POST /key/generate',
        body: { user_id: 'krrish3@berri.ai', models: ['gpt-4'] },
        answer: { user_id: 'krrish3@berri.ai' },
      },
      { name: 'a user sees its keys', request: 'GET /key/list', as: '$key', answer: { total_count: 2 } },
      {
        name: 'update',
        request: 'POST /user/update',
        body: {
          user_id: 'krrish3@berri.ai',
          max_budget: 100,
          user_alias: 'krrish',
          metadata: { cost_center: 'R&D' },
        },
        answer: {
          user_id: 'krrish3@berri.ai',
          data: {
            max_budget: 100,
            user_alias: 'krrish',
            metadata: { cost_center: 'R&D' },
            budget_duration: '1h',
          },
        },
      },
      {
        name: 'update by address',
        request: 'POST /user/update',
        body: { user_email: 'krrish3@berri.ai', tpm_limit: 1000 },
        answer: { user_id: 'krrish3@berri.ai', data: { tpm_limit: 1000 } },
      },
      {
        name: 'list',
        request: 'GET /user/list?role=internal_user&page=1&page_size=25',
        answer: {
          users: [{ user_id: 'krrish3@berri.ai', key_count: 2 }],
          total: 1,
          page: 1,
          page_size: 25,
          total_pages: 1,
        },
      },
      {
        name: 'spend by user',
        request: 'GET /spend/users?user_id=krrish3@berri.ai',
        answer: [{ user_id: 'krrish3@berri.ai', spend: SPENT }],
      },
      {
        name: 'what a user did, day by day',
        request: `GET /user/daily/activity?${DATES}`,
        as: '$key',
        answer: {
          results: [
            {
              date: TODAY,
              metrics: { api_requests: 1, successful_requests: 1, failed_requests: 0, spend: SPENT },
              breakdown: {
                models: { 'gpt-4': { metrics: { api_requests: 1 } } },
                api_keys: expect.any(Object),
                providers: expect.any(Object),
                mcp_servers: {},
              },
            },
          ],
          metadata: { total_api_requests: 1, total_spend: SPENT, page: 1, total_pages: 1, has_more: false },
        },
      },
      {
        name: 'a user makes no keys',
        request: 'POST /key/generate',
        as: '$key',
        body: {},
        status: 403,
        answer: refused('auth_error', null, '403', /master key/),
      },
      {
        name: 'a role that is none',
        request: 'POST /user/new',
        body: { user_role: 'emperor' },
        status: 422,
        answer: refused('validation_error', 'user_role', '422', /user_role/),
      },
      { name: 'delete', request: 'POST /user/delete', body: { user_ids: ['krrish3@berri.ai'] }, answer: 1 },
      { name: 'the keys went with it', request: 'POST /key/health', as: '$key', status: 401 },
      {
        name: 'delete what is not there',
        request: 'POST /user/delete',
        body: { user_ids: ['krrish3@berri.ai'] },
        status: 404,
        answer: refused('not_found_error', 'user_id', '404', /no user/),
      },
    ],
  },
  {
    page: 'team_budgets',
    title: 'teams have budgets, models, members and keys',
    pairs: [
      {
        name: 'a user for it',
        request: 'POST /user/new',
        body: { user_id: 'bob', auto_create_key: false },
        answer: { user_id: 'bob', key: null },
      },
      {
        name: 'new team with budget and members',
        request: 'POST /team/new',
        body: {
          team_alias: 'QA Prod Bot',
          max_budget: 5,
          budget_duration: '1d',
          models: ['gpt-4'],
          members_with_roles: [{ role: 'admin', user_id: 'bob' }],
          rpm_limit: 99,
        },
        answer: {
          team_alias: 'QA Prod Bot',
          team_id: expect.any(String),
          max_budget: 5,
          budget_duration: '1d',
          budget_reset_at: MOMENT,
          models: ['gpt-4'],
          members_with_roles: [{ user_id: 'bob', role: 'admin' }],
          rpm_limit: 99,
          spend: 0,
          blocked: false,
        },
        keep: { team: 'team_id' },
      },
      {
        name: 'an id that is taken',
        request: 'POST /team/new',
        body: { team_id: '$team' },
        status: 400,
        answer: refused('bad_request_error', 'team_id', '400', /already/),
      },
      {
        name: 'a key of the team',
        request: 'POST /key/generate',
        body: { team_id: '$team', user_id: 'bob', models: ['gpt-4', 'gpt-3.5-turbo'], key_alias: 'qa' },
        answer: { team_id: '$team' },
        keep: { key: 'key', token: 'token' },
      },
      {
        name: 'works for what the team may',
        request: 'POST /chat/completions',
        as: '$key',
        body: chat('gpt-4'),
      },
      {
        name: 'and for nothing else',
        request: 'POST /chat/completions',
        as: '$key',
        body: chat('gpt-3.5-turbo'),
        status: 404,
      },
      {
        name: 'info',
        request: 'GET /team/info?team_id=$team',
        answer: {
          team_id: '$team',
          team_info: { team_alias: 'QA Prod Bot', spend: SPENT, members_with_roles: [{ user_id: 'bob' }] },
          keys: [{ key_alias: 'qa' }],
          team_memberships: [],
        },
      },
      {
        name: 'list of a user',
        request: 'GET /team/list?user_id=bob',
        answer: [{ team_id: '$team', keys: [{ key_alias: 'qa' }], team_memberships: [] }],
      },
      {
        name: 'update',
        request: 'POST /team/update',
        body: { team_id: '$team', max_budget: 10, metadata: { cost_center: 'QA' } },
        answer: {
          team_id: '$team',
          data: { max_budget: 10, budget_duration: '1d', metadata: { cost_center: 'QA' } },
        },
      },
      {
        name: 'models are added',
        request: 'POST /team/model/add',
        body: { team_id: '$team', models: ['gpt-3.5-turbo'] },
        answer: { models: ['gpt-4', 'gpt-3.5-turbo'] },
      },
      {
        name: 'which counts at once',
        request: 'POST /chat/completions',
        as: '$key',
        body: chat('gpt-3.5-turbo'),
      },
      {
        name: 'models are taken away',
        request: 'POST /team/model/delete',
        body: { team_id: '$team', models: ['gpt-3.5-turbo'] },
        answer: { models: ['gpt-4'] },
      },
      {
        name: 'a member',
        request: 'POST /user/new',
        body: { user_id: 'carol', user_email: 'carol@berri.ai', auto_create_key: false },
      },
      {
        name: 'member added with a budget in the team',
        request: 'POST /team/member_add',
        body: { team_id: '$team', member: { role: 'user', user_id: 'carol' }, max_budget_in_team: 2.5 },
        answer: {
          team_id: '$team',
          updated_users: [{ user_id: 'carol', teams: ['$team'] }],
          updated_team_memberships: [{ user_id: 'carol', litellm_budget_table: { max_budget: 2.5 } }],
        },
      },
      {
        name: 'a member that is one already',
        request: 'POST /team/member_add',
        body: { team_id: '$team', member: { role: 'user', user_id: 'carol' } },
        status: 400,
        answer: refused('team_member_already_in_team', 'user_id', '400', /carol/),
      },
      {
        name: 'member changed, by an admin of the team',
        request: 'POST /team/member_update',
        as: '$key',
        body: { team_id: '$team', user_id: 'carol', max_budget_in_team: 3, role: 'admin' },
        answer: { team_id: '$team', user_id: 'carol', max_budget_in_team: 3 },
      },
      {
        name: 'member removed, by address',
        request: 'POST /team/member_delete',
        body: { team_id: '$team', user_email: 'carol@berri.ai' },
        answer: { members_with_roles: [{ user_id: 'bob' }] },
      },
      { name: 'block', request: 'POST /team/block', body: { team_id: '$team' }, answer: { blocked: true } },
      { name: 'its keys are refused', request: 'POST /key/health', as: '$key', status: 401 },
      {
        name: 'unblock',
        request: 'POST /team/unblock',
        body: { team_id: '$team' },
        answer: { blocked: false },
      },
      {
        name: 'what teams did, day by day',
        request: `GET /team/daily/activity?team_ids=$team&${DATES}`,
        answer: {
          results: [{ breakdown: { entities: { $team: { metadata: { team_alias: 'QA Prod Bot' } } } } }],
        },
      },
      {
        name: 'a service account',
        request: 'POST /key/service-account/generate',
        body: { team_id: '$team', key_alias: 'nightly' },
        answer: { user_id: null, team_id: '$team' },
      },
      {
        name: 'a service account without a team',
        request: 'POST /key/service-account/generate',
        body: {},
        status: 422,
        answer: refused('validation_error', 'team_id', '422', /team_id is missing/),
      },
      {
        name: 'delete',
        request: 'POST /team/delete',
        body: { team_ids: ['$team'] },
        answer: { deleted_teams: ['$team'] },
      },
      { name: 'its keys went with it', request: 'POST /key/health', as: '$key', status: 401 },
      {
        name: 'info of what is not there',
        request: 'GET /team/info?team_id=$team',
        status: 404,
        answer: refused('not_found_error', 'team_id', '404', /no team/),
      },
    ],
  },
  {
    page: 'cost_tracking',
    title: 'spend is reported by call, day, key, user, team, model, provider and tag',
    pairs: [
      { name: 'a team', request: 'POST /team/new', body: { team_id: 'spenders', team_alias: 'Spenders' } },
      {
        name: 'a user',
        request: 'POST /user/new',
        body: { user_id: 'dora', teams: ['spenders'], auto_create_key: false },
      },
      {
        name: 'a key',
        request: 'POST /key/generate',
        body: {
          key_alias: 'spender',
          user_id: 'dora',
          team_id: 'spenders',
          models: ['gpt-4'],
          tags: ['prod'],
        },
        keep: { key: 'key', token: 'token' },
      },
      { name: 'a call', request: 'POST /chat/completions', as: '$key', body: chat('gpt-4') },
      {
        name: 'logs of a key: a row as LiteLLM has it',
        request: 'GET /spend/logs?api_key=$key',
        answer: [
          {
            request_id: expect.any(String),
            call_type: 'acompletion',
            api_key: '$token',
            spend: SPENT,
            total_tokens: expect.any(Number),
            prompt_tokens: expect.any(Number),
            completion_tokens: expect.any(Number),
            startTime: MOMENT,
            endTime: MOMENT,
            model: 'gpt-4',
            model_group: 'gpt-4',
            custom_llm_provider: expect.any(String),
            user: 'dora',
            team_id: 'spenders',
            request_tags: ['prod'],
            requester_ip_address: expect.any(String),
            cache_hit: 'False',
            status: 'success',
            mcp_namespaced_tool_name: null,
          },
        ],
        keep: { request: '0.request_id' },
      },
      {
        name: 'logs: one call',
        request: 'GET /spend/logs?request_id=$request',
        answer: [{ request_id: '$request' }],
      },
      {
        name: 'logs: a call that is not there',
        request: 'GET /spend/logs?request_id=chatcmpl-1234',
        answer: [],
      },
      { name: 'logs of a user', request: 'GET /spend/logs?user_id=dora', answer: [{ user: 'dora' }] },
      {
        name: 'a key sees its own',
        request: 'GET /spend/logs',
        as: '$key',
        answer: [{ request_id: '$request' }],
      },
      {
        name: 'logs: sums for each day',
        request: `GET /spend/logs?start_date=${TODAY}&end_date=${TODAY}&user_id=dora`,
        answer: [
          {
            startTime: TODAY,
            spend: SPENT,
            $token: SPENT,
            users: { dora: SPENT },
            models: { 'gpt-4': SPENT },
          },
        ],
      },
      {
        name: 'logs: rows between dates',
        request: `GET /spend/logs?start_date=${TODAY}&end_date=${TODAY}&user_id=dora&summarize=false`,
        answer: [{ request_id: '$request' }],
      },
      {
        name: 'logs: a date that is none',
        request: 'GET /spend/logs?start_date=yesterday',
        status: 422,
        answer: refused('validation_error', 'start_date', '422', /date/),
      },
      {
        name: 'tags',
        request: 'GET /spend/tags',
        answer: [{ individual_request_tag: 'prod', log_count: 1, total_spend: SPENT }],
      },
      {
        name: 'in all',
        request: 'GET /global/spend',
        answer: { spend: expect.any(Number), max_budget: null },
      },
      {
        name: 'each day',
        request: 'GET /global/spend/logs',
        answer: [{ date: TODAY, spend: expect.any(Number) }],
      },
      {
        name: 'each day of a key',
        request: 'GET /global/spend/logs?api_key=$token',
        answer: [{ date: TODAY, spend: SPENT }],
      },
      {
        name: 'keys',
        request: 'GET /global/spend/keys?limit=100',
        answer: expect.arrayContaining([
          expect.objectContaining({ api_key: '$token', key_alias: 'spender', total_spend: SPENT }),
        ]),
      },
      {
        name: 'models',
        request: 'GET /global/spend/models?limit=2',
        answer: expect.arrayContaining([expect.objectContaining({ model: 'gpt-4' })]),
      },
      {
        name: 'teams',
        request: 'GET /global/spend/teams',
        answer: {
          daily_spend: [{ date: TODAY, Spenders: SPENT }],
          teams: expect.arrayContaining(['Spenders']),
        },
      },
      {
        name: 'providers',
        request: `GET /global/spend/provider?${DATES}`,
        answer: [{ provider: expect.any(String), spend: expect.any(Number) }],
      },
      {
        name: 'report by team',
        request: `GET /global/spend/report?start_date=${TODAY}&end_date=${TODAY}&group_by=team&team_id=spenders`,
        answer: [
          {
            group_by_day: expect.stringContaining(TODAY),
            teams: [
              {
                team_name: 'Spenders',
                total_spend: SPENT,
                metadata: [
                  { model: 'gpt-4', spend: SPENT, api_key: '$token', total_tokens: expect.any(Number) },
                ],
              },
            ],
          },
        ],
      },
      {
        name: 'report of a key',
        request: `GET /global/spend/report?start_date=${TODAY}&end_date=${TODAY}&api_key=$key`,
        answer: [
          {
            api_key: '$token',
            total_cost: SPENT,
            total_input_tokens: expect.any(Number),
            total_output_tokens: expect.any(Number),
            model_details: [{ model: 'gpt-4', total_cost: SPENT }],
          },
        ],
      },
      {
        name: 'report of a user',
        request: `GET /global/spend/report?start_date=${TODAY}&end_date=${TODAY}&internal_user_id=dora`,
        answer: [{ model_details: [{ model: 'gpt-4' }] }],
      },
      {
        name: 'report without dates',
        request: 'GET /global/spend/report',
        status: 422,
        answer: refused(
          'validation_error',
          'start_date',
          '422',
          /start_date is missing; end_date is missing/,
        ),
      },
      {
        name: 'activity',
        request: `GET /global/activity?start_date=${TODAY}&end_date=${TODAY}`,
        answer: {
          daily_data: [
            {
              date: expect.stringMatching(/^[A-Z][a-z]{2} \d\d$/),
              api_requests: expect.any(Number),
              total_tokens: expect.any(Number),
            },
          ],
          sum_api_requests: expect.any(Number),
          sum_total_tokens: expect.any(Number),
        },
      },
      {
        name: 'calculate: a request',
        request: 'POST /spend/calculate',
        body: { model: 'gpt-4', messages: [{ role: 'user', content: "Hey, how's it going?" }] },
        answer: { cost: expect.any(Number) },
      },
      {
        name: 'calculate: an answer',
        request: 'POST /spend/calculate',
        body: {
          completion_response: { model: 'gpt-4', usage: { prompt_tokens: 1000, completion_tokens: 500 } },
        },
        answer: { cost: expect.closeTo(0.0075, 6) },
      },
      {
        name: 'calculate: a request that is none',
        request: 'POST /spend/calculate',
        body: { model: 'gpt-4', messages: [{ content: 7 }] },
        status: 400,
        answer: refused('bad_request_error', null, '400', /messages/),
      },
      {
        name: 'tokens of a request',
        request: 'POST /utils/token_counter',
        body: { model: 'gpt-4', messages: [{ role: 'user', content: 'hey how is it going' }] },
        answer: { total_tokens: expect.any(Number), request_model: 'gpt-4', model_used: 'gpt-4' },
      },
      { name: 'calculate: nothing', request: 'POST /spend/calculate', body: {}, status: 422 },
      {
        name: 'a key may not see everything',
        request: 'GET /global/spend',
        as: '$key',
        status: 403,
        answer: refused('auth_error', null, '403', /master key/),
      },
    ],
  },
  {
    page: 'access_control',
    title: 'management and read-only keys, and refusals',
    pairs: [
      {
        name: 'a management key',
        request: 'POST /key/generate',
        body: { key_type: 'management', key_alias: 'manager' },
        answer: { key_type: 'management' },
        keep: { manager: 'key' },
      },
      {
        name: 'makes keys',
        request: 'POST /key/generate',
        as: '$manager',
        body: { key_alias: 'made-by-manager' },
        answer: { created_by: 'manager' },
      },
      {
        name: 'and uses no models',
        request: 'POST /chat/completions',
        as: '$manager',
        body: chat('gpt-4'),
        status: 403,
      },
      {
        name: 'nor changes the gateway',
        request: 'POST /config/reload',
        as: '$manager',
        body: {},
        status: 403,
      },
      {
        name: 'a read-only key',
        request: 'POST /key/generate',
        body: { key_type: 'read_only', key_alias: 'reader' },
        keep: { reader: 'key' },
      },
      { name: 'reads', request: 'GET /key/list', as: '$reader', answer: { total_count: expect.any(Number) } },
      { name: 'and changes nothing', request: 'POST /key/generate', as: '$reader', body: {}, status: 403 },
      {
        name: 'an admin user',
        request: 'POST /user/new',
        body: { user_id: 'root', user_role: 'proxy_admin', models: ['gpt-4'] },
        keep: { admin: 'key' },
      },
      {
        name: 'manages',
        request: 'POST /team/new',
        as: '$admin',
        body: { team_id: 'by-admin' },
        answer: { team_id: 'by-admin' },
      },
      {
        name: 'no key',
        request: 'GET /key/info',
        as: '',
        status: 401,
        answer: refused('auth_error', null, '401', /No key was sent/),
      },
      {
        name: 'a key that is none',
        request: 'GET /key/info',
        as: 'sk-12345',
        status: 401,
        answer: refused('token_not_found_in_db', 'key', '401', /not known/),
      },
      {
        name: 'a field that is misspelled',
        request: 'POST /key/generate',
        body: { max_budgte: 1, rpm_limit: 'x' },
        status: 422,
        answer: {
          ...refused('validation_error', expect.any(String), '422', /did you mean max_budget/),
          detail: expect.arrayContaining([
            expect.objectContaining({ loc: ['body', 'max_budgte'] }),
            expect.objectContaining({ loc: ['body', 'rpm_limit'] }),
          ]),
        },
      },
      {
        name: 'a body that is no JSON',
        request: 'POST /key/generate',
        body: '{"models": [},',
        status: 400,
        answer: refused('bad_request_error', null, '400', /JSON/),
      },
      {
        name: 'a field of LiteLLM without effect',
        request: 'POST /key/generate',
        body: { send_invite_email: true },
        answer: { key: KEY, warnings: ['send_invite_email has no effect here'] },
      },
      {
        name: 'a team that is not there',
        request: 'POST /key/generate',
        body: { team_id: 'nobody' },
        status: 404,
        answer: refused('not_found_error', 'team_id', '404', /no team/),
      },
      { name: 'another method', request: 'GET /key/generate', status: 405 },
      {
        name: 'a path that is not served',
        request: 'POST /key/generat',
        body: {},
        status: 404,
        answer: { error: { message: expect.stringContaining('Did you mean /key/generate?'), code: '404' } },
      },
      {
        name: 'the description',
        request: 'GET /openapi.json',
        as: '',
        answer: { openapi: '3.1.1', paths: { '/key/generate': { post: expect.any(Object) } } },
      },
      {
        name: 'the routes',
        request: 'GET /routes',
        answer: {
          routes: expect.arrayContaining([
            expect.objectContaining({ path: '/key/generate', methods: ['POST'] }),
          ]),
        },
      },
    ],
  },
];
