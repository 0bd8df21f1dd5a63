CREATE TABLE catalog (
  server      text PRIMARY KEY,
  fingerprint text NOT NULL,
  payload     text NOT NULL,
  updated_at  timestamptz NOT NULL
);
COMMENT ON TABLE catalog IS 'The last known offer of each MCP server, byte for byte as it was read.';

CREATE TABLE instance_secrets (
  name  text PRIMARY KEY,
  value bytea NOT NULL
);
COMMENT ON TABLE instance_secrets IS 'Random values of this installation, for example the key that seals session ids.';

CREATE TABLE ledger_calls (
  id                uuid NOT NULL,
  started_at        timestamptz NOT NULL,
  writer            text NOT NULL,
  seq               bigint NOT NULL,
  kind              text NOT NULL,
  operation         text NOT NULL,
  key_id            text NOT NULL,
  key_alias         text,
  user_id           text,
  team              text,
  address           text NOT NULL,
  client            text,
  server            text,
  tool_name         text,
  original_name     text,
  model             text,
  decision          text NOT NULL,
  rule              text,
  bytes_in          bigint NOT NULL,
  trace_id          text,
  ended_at          timestamptz,
  status            text,
  error_code        text,
  total_ms          double precision,
  upstream_ms       double precision,
  bytes_out         bigint,
  prompt_tokens     bigint,
  completion_tokens bigint,
  cost              double precision,
  PRIMARY KEY (started_at, id)
) PARTITION BY RANGE (started_at);
COMMENT ON TABLE ledger_calls IS 'One row a call: received before it was sent, ended after it. One partition a day (UTC).';
CREATE INDEX ledger_calls_id ON ledger_calls (id);
CREATE INDEX ledger_calls_open ON ledger_calls (writer) WHERE ended_at IS NULL;
CREATE TABLE ledger_calls_default PARTITION OF ledger_calls DEFAULT;

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
       trace_id
FROM ledger_calls;
COMMENT ON VIEW litellm_logs IS 'The ledger in the words of LiteLLM users.';

CREATE VIEW "LiteLLM_SpendLogs" AS
SELECT request_id::text AS request_id, call_type, api_key, spend, total_tokens, prompt_tokens, completion_tokens,
       start_time AS "startTime", end_time AS "endTime", model, "user", team_id, requester_ip_address,
       CASE status WHEN 'ok' THEN 'success' ELSE 'failure' END AS status, mcp_namespaced_tool_name
FROM litellm_logs;
