import { z } from 'zod';
import type { CallBody, LedgerRow } from '../../ledger/ledger-ports.ts';
import type { AdminDeps } from '../admin-ports.ts';
import { parsedBody } from '../ledger/parsed-body.ts';
import { time } from '../time.ts';
import { tokenOf } from './used.ts';

/** LiteLLM's words for what was called (litellm/types/utils.py, CallTypes); MCP tools have one of their own. */
const CALL_TYPES: Readonly<Record<string, string>> = {
  'chat/generate': 'acompletion',
  'chat/embed': 'aembedding',
  'responses/generate': 'aresponses',
  'messages/generate': 'anthropic_messages',
  'gemini/generate': 'agenerate_content',
};

/** A row of `/spend/logs` (litellm/proxy/_types.py, SpendLogsPayload); there are more members than these. */
export const spendLog = z
  .looseObject({
    request_id: z.string(),
    call_type: z.string(),
    api_key: z.string().describe('token of the key'),
    spend: z.number(),
    total_tokens: z.int(),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    startTime: z.string(),
    endTime: z.string().nullable(),
    model: z.string(),
    user: z.string(),
    team_id: z.string().nullable(),
    status: z.enum(['success', 'failure']),
    mcp_namespaced_tool_name: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'SpendLog' });

/** A call in LiteLLM's words; `bodies`: what was said in it, where that is kept. */
export function showSpendLog(
  row: LedgerRow,
  bodies: readonly CallBody[],
  deps: AdminDeps,
): z.input<typeof spendLog> {
  const bodyOf = (wanted: CallBody['part']): unknown => {
    const body = bodies.find(({ part }) => part === wanted);
    return body === undefined ? {} : parsedBody(body.content);
  };
  const asked = bodyOf('request');
  const { promptTokens = 0, completionTokens = 0 } = row;
  const tool = row.originalName ?? row.toolName;
  return {
    request_id: row.id,
    call_type: callType(row),
    api_key: tokenOf(row.keyId, deps),
    spend: row.cost ?? 0,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    startTime: time(row.startedAt),
    endTime: row.endedAt === undefined ? null : time(row.endedAt),
    completionStartTime: row.firstMs === undefined ? null : time(row.startedAt + row.firstMs),
    model: row.model ?? (tool === undefined ? '' : `MCP: ${tool}`),
    model_id: row.deployment ?? '',
    model_group: row.model ?? '',
    mcp_namespaced_tool_name: row.server === undefined || tool === undefined ? null : `${row.server}/${tool}`,
    custom_llm_provider: row.deployment === undefined ? '' : (deps.models.provider(row.deployment) ?? ''),
    api_base: '',
    user: row.user ?? '',
    end_user: row.endUser ?? '',
    team_id: row.team ?? null,
    cache_hit: 'False',
    cache_key: '',
    request_tags: [...new Set([...(deps.keys.findKey(row.keyId)?.tags ?? []), ...tagsOf(row)])],
    requester_ip_address: row.address,
    session_id: row.session ?? row.parentId ?? row.id,
    status: row.status === 'ok' ? 'success' : 'failure',
    messages: messagesOf(asked),
    response: bodyOf('response'),
    proxy_server_request: asked,
    metadata: {
      user_api_key: tokenOf(row.keyId, deps),
      user_api_key_alias: row.keyAlias ?? null,
      user_api_key_user_id: row.user ?? null,
      user_api_key_team_id: row.team ?? null,
      status: row.status ?? 'received',
      error_code: row.errorCode ?? null,
      client: row.client ?? null,
      total_ms: row.totalMs ?? null,
      upstream_ms: row.upstreamMs ?? null,
      trace_id: row.traceId ?? null,
    },
  };
}

/** What a model or a tool was told, in any dialect; as the view "LiteLLM_SpendLogs" has it. */
function messagesOf(asked: unknown): unknown {
  if (typeof asked !== 'object' || asked === null) return {};
  const { messages, input, contents, arguments: given } = asked as Readonly<Record<string, unknown>>;
  return messages ?? input ?? contents ?? given ?? {};
}

function tagsOf({ tags }: LedgerRow): readonly string[] {
  if (tags === undefined) return [];
  const parsed = parsedBody(tags);
  // Rows of earlier versions may have been cut off.
  return Array.isArray(parsed) ? (parsed as readonly string[]) : [];
}

function callType({ kind, operation }: LedgerRow): string {
  if (kind === 'mcp') return operation === 'tools/call' ? 'call_mcp_tool' : operation;
  return CALL_TYPES[operation] ?? operation;
}
