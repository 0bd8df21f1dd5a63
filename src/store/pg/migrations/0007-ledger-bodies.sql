ALTER TABLE ledger_calls
  ADD COLUMN digest   text,
  ADD COLUMN end_user text,
  ADD COLUMN session  text,
  ADD COLUMN tags     text,
  ADD COLUMN first_ms double precision,
  ADD COLUMN details  text;
COMMENT ON COLUMN ledger_calls.digest IS 'Keyed code of the arguments or the body: equal for equal ones. The key is not in the database.';
COMMENT ON COLUMN ledger_calls.end_user IS 'Of a request to a model: whom its client says it is for.';
COMMENT ON COLUMN ledger_calls.session IS 'Of a request to a model: the conversation its client says it belongs to.';
COMMENT ON COLUMN ledger_calls.tags IS 'Of a request to a model: its tags, a JSON array.';
COMMENT ON COLUMN ledger_calls.first_ms IS 'Of a request to a model: milliseconds to the first content of the answer.';
COMMENT ON COLUMN ledger_calls.details IS 'Of what an operator did: JSON without secrets.';
COMMENT ON COLUMN ledger_calls.kind IS 'mcp, llm; or admin: something that an operator did.';

-- "Which tools did this turn call" and "what did operators do" are asked often.
CREATE INDEX ledger_calls_parent ON ledger_calls (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX ledger_calls_admin ON ledger_calls (started_at DESC) WHERE kind = 'admin';

CREATE TABLE ledger_bodies (
  call_id       uuid NOT NULL,
  started_at    timestamptz NOT NULL,
  part          text NOT NULL,
  content       text NOT NULL,
  bytes         bigint NOT NULL,
  dropped_bytes bigint NOT NULL,
  PRIMARY KEY (started_at, call_id, part)
) PARTITION BY RANGE (started_at);
COMMENT ON TABLE ledger_bodies IS 'What was asked and answered, where ledger.levels says so, without its secrets. One partition a day (UTC) of the calls'' starts.';
COMMENT ON COLUMN ledger_bodies.bytes IS 'Length of all of it, as it came; dropped_bytes of them were left out.';
CREATE TABLE ledger_bodies_default PARTITION OF ledger_bodies DEFAULT;

CREATE TABLE ledger_deployments (
  id       text PRIMARY KEY,
  provider text NOT NULL,
  model    text NOT NULL,
  api_base text NOT NULL
);
COMMENT ON TABLE ledger_deployments IS 'Who answers under the id that ledger_calls.deployment names, as it was last configured.';

-- Text as JSON; what is cut off, or no JSON, as a JSON text.
CREATE FUNCTION ledger_json(content text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN content::jsonb;
EXCEPTION WHEN others THEN
  RETURN to_jsonb(content);
END $$;

CREATE FUNCTION ledger_body(call uuid, started timestamptz, wanted text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT ledger_json(content) FROM ledger_bodies WHERE started_at = started AND call_id = call AND part = wanted
$$;

DROP VIEW "LiteLLM_SpendLogs";
DROP VIEW litellm_logs;

CREATE VIEW litellm_logs AS
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
       coalesce(c.tags, '[]')::jsonb             AS request_tags,
       coalesce(c.tokens_estimated, false)       AS tokens_estimated,
       c.bytes_in,
       c.bytes_out,
       c.digest,
       ledger_body(c.id, c.started_at, 'request')  AS request,
       ledger_body(c.id, c.started_at, 'response') AS response
FROM ledger_calls AS c
WHERE c.kind <> 'admin';
COMMENT ON VIEW litellm_logs IS 'The calls of the ledger in the words of LiteLLM users. What operators did is in ledger_calls alone, with the kind admin.';

CREATE VIEW "LiteLLM_SpendLogs" AS
SELECT request_id::text AS request_id, call_type, api_key, spend::double precision AS spend, total_tokens, prompt_tokens, completion_tokens,
       start_time AS "startTime", end_time AS "endTime", completion_start_time AS "completionStartTime",
       (total_ms)::integer AS request_duration_ms, model, coalesce(model_id, '') AS model_id, coalesce(model_group, '') AS model_group,
       coalesce(custom_llm_provider, '') AS custom_llm_provider, coalesce(api_base, '') AS api_base, coalesce("user", '') AS "user",
       jsonb_build_object('user_api_key', api_key, 'user_api_key_alias', key_alias, 'user_api_key_user_id', "user",
         'user_api_key_team_id', team_id, 'status', status, 'error_code', error_code, 'client', client, 'trace_id', trace_id,
         'decision', decision, 'rule', rule, 'attempts', attempts, 'parent_request_id', parent_request_id) AS metadata,
       'False' AS cache_hit, '' AS cache_key, request_tags, team_id, coalesce(end_user, '') AS end_user, requester_ip_address,
       CASE jsonb_typeof(request) WHEN 'object' THEN coalesce(request->'messages', request->'input', request->'contents', request->'arguments', '{}') ELSE '{}' END AS messages,
       coalesce(response, '{}') AS response, session_id,
       CASE status WHEN 'ok' THEN 'success' ELSE 'failure' END AS status, mcp_namespaced_tool_name, coalesce(request, '{}') AS proxy_server_request
FROM litellm_logs;
COMMENT ON VIEW "LiteLLM_SpendLogs" IS 'The calls of the ledger in the columns of LiteLLM''s table of that name.';
