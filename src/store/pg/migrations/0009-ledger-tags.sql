-- Tags as JSON; none where they were cut off: a row must not make the view unreadable.
CREATE FUNCTION ledger_tags(tags text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF tags IS NULL OR jsonb_typeof(tags::jsonb) <> 'array' THEN
    RETURN '[]';
  END IF;
  RETURN tags;
EXCEPTION WHEN others THEN
  RETURN '[]';
END $$;

-- What was spent by tag is asked of these rows alone.
CREATE INDEX ledger_calls_tagged ON ledger_calls (started_at) WHERE tags IS NOT NULL;

CREATE OR REPLACE VIEW litellm_logs AS
SELECT c.id                                      AS request_id,
       CASE c.kind || ' ' || c.operation
         WHEN 'mcp tools/call' THEN 'call_mcp_tool'
         WHEN 'llm chat/generate' THEN 'acompletion'
         WHEN 'llm chat/embed' THEN 'aembedding'
         WHEN 'llm responses/generate' THEN 'aresponses'
         WHEN 'llm messages/generate' THEN 'anthropic_messages'
         WHEN 'llm gemini/generate' THEN 'agenerate_content'
         ELSE c.operation END                    AS call_type,
       coalesce(c.model, 'MCP: ' || coalesce(c.original_name, c.tool_name)) AS model,
       coalesce(c.cost, 0)                       AS spend,
       c.user_id                                 AS "user",
       c.key_id                                  AS api_key,
       c.key_alias,
       c.team                                    AS team_id,
       coalesce(c.prompt_tokens, 0) + coalesce(c.completion_tokens, 0) AS total_tokens,
       coalesce(c.prompt_tokens, 0)              AS prompt_tokens,
       coalesce(c.completion_tokens, 0)          AS completion_tokens,
       coalesce(c.status, 'received')            AS status,
       c.error_code,
       c.started_at                              AS start_time,
       c.ended_at                                AS end_time,
       c.started_at + c.first_ms * interval '1 millisecond' AS completion_start_time,
       c.total_ms,
       c.upstream_ms,
       c.server,
       c.original_name                           AS tool,
       CASE WHEN c.server IS NOT NULL THEN c.server || '/' || c.original_name END AS mcp_namespaced_tool_name,
       c.address                                 AS requester_ip_address,
       c.client,
       c.decision,
       c.rule,
       c.trace_id,
       c.parent_id                               AS parent_request_id,
       coalesce(c.session, c.parent_id::text, c.id::text) AS session_id,
       c.model                                   AS model_group,
       c.deployment                              AS model_id,
       (SELECT d.provider FROM ledger_deployments AS d WHERE d.id = c.deployment) AS custom_llm_provider,
       (SELECT d.api_base FROM ledger_deployments AS d WHERE d.id = c.deployment) AS api_base,
       c.attempts,
       c.end_user,
       ledger_tags(c.tags)                       AS request_tags,
       coalesce(c.tokens_estimated, false)       AS tokens_estimated,
       c.bytes_in,
       c.bytes_out,
       c.digest,
       ledger_body(c.id, c.started_at, 'request')  AS request,
       ledger_body(c.id, c.started_at, 'response') AS response
FROM ledger_calls AS c
WHERE c.kind <> 'admin';
