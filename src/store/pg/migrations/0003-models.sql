CREATE TABLE responses (
  key_id     text NOT NULL,
  id         text NOT NULL,
  payload    text NOT NULL,
  bytes      bigint NOT NULL,
  saved_at   timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (key_id, id)
);
CREATE INDEX responses_expires_at ON responses (expires_at);
COMMENT ON TABLE responses IS 'Answers of models that their clients may refer to (previous_response_id), by key.';

DROP VIEW "LiteLLM_SpendLogs";
DROP VIEW litellm_logs;

-- Nothing was ever written to the old column, and dropping it touches no row, which a change of its type would.
ALTER TABLE ledger_calls DROP COLUMN cost;
ALTER TABLE ledger_calls
  ADD COLUMN cost       numeric,
  ADD COLUMN parent_id  uuid,
  ADD COLUMN deployment text,
  ADD COLUMN attempts   integer;
COMMENT ON COLUMN ledger_calls.cost IS 'US dollars.';
COMMENT ON COLUMN ledger_calls.parent_id IS 'Of a call that a model caused: the id of the request to the model.';
COMMENT ON COLUMN ledger_calls.deployment IS 'Of a request to a model: the deployment that was asked last.';
COMMENT ON COLUMN ledger_calls.attempts IS 'Of a request to a model: how often a deployment was asked.';

CREATE VIEW litellm_logs AS
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
       attempts
FROM ledger_calls;
COMMENT ON VIEW litellm_logs IS 'The ledger in the words of LiteLLM users.';

CREATE VIEW "LiteLLM_SpendLogs" AS
SELECT request_id::text AS request_id, call_type, api_key, spend::double precision AS spend, total_tokens, prompt_tokens, completion_tokens,
       start_time AS "startTime", end_time AS "endTime", model, model_id, model_group, "user", team_id, requester_ip_address,
       CASE status WHEN 'ok' THEN 'success' ELSE 'failure' END AS status, mcp_namespaced_tool_name
FROM litellm_logs;
