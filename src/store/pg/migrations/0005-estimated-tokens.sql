ALTER TABLE ledger_calls ADD COLUMN tokens_estimated boolean;
COMMENT ON COLUMN ledger_calls.tokens_estimated IS 'Whether the tokens are in part an estimate, because a provider did not tell them.';

-- Replaced and not dropped, so that what operators granted on it stays.
CREATE OR REPLACE VIEW litellm_logs AS
SELECT id                                        AS request_id,
       CASE kind WHEN 'mcp' THEN 'call_mcp_tool' ELSE operation END AS call_type,
       coalesce(model, 'MCP: ' || coalesce(original_name, tool_name)) AS model,
       coalesce(cost, 0)                         AS spend,
       user_id                                   AS "user",
       key_id                                    AS api_key,
       key_alias,
       team                                      AS team_id,
       coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0) AS total_tokens,
       coalesce(prompt_tokens, 0)                AS prompt_tokens,
       coalesce(completion_tokens, 0)            AS completion_tokens,
       coalesce(status, 'received')              AS status,
       error_code,
       started_at                                AS start_time,
       ended_at                                  AS end_time,
       total_ms,
       upstream_ms,
       server,
       original_name                             AS tool,
       CASE WHEN server IS NOT NULL THEN server || '/' || original_name END AS mcp_namespaced_tool_name,
       address                                   AS requester_ip_address,
       client,
       decision,
       rule,
       trace_id,
       parent_id                                 AS parent_request_id,
       model                                     AS model_group,
       deployment                                AS model_id,
       attempts,
       coalesce(tokens_estimated, false)         AS tokens_estimated
FROM ledger_calls;
