-- What the hash chain needs of each call. The chain of a writer has two records a call: seq and hash are the start's.
ALTER TABLE ledger_calls
  ADD COLUMN hash       bytea,
  ADD COLUMN end_writer text,
  ADD COLUMN end_seq    bigint,
  ADD COLUMN end_hash   bytea;
COMMENT ON COLUMN ledger_calls.hash IS 'HMAC over the hash before it in the chain of the writer and the record of the start.';
COMMENT ON COLUMN ledger_calls.end_writer IS 'Whose record the end is: that of the writer, or of the one that closed the call of a writer that died.';
COMMENT ON COLUMN ledger_calls.end_seq IS 'Place of the end in the chain of the writer; null when another one closed the call as unknown.';
COMMENT ON COLUMN ledger_calls.end_hash IS 'As hash, of the end; where end_seq is null, the HMAC of the end alone.';

CREATE INDEX ledger_calls_key ON ledger_calls (key_id, started_at DESC);

CREATE TABLE ledger_writers (
  writer    text PRIMARY KEY,
  home      text NOT NULL,
  key_id    text,
  seq       bigint NOT NULL DEFAULT 0,
  hash      bytea,
  alive_at  timestamptz,
  first_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE ledger_writers IS 'Every run of a gateway that has written here, and how far its chain has come.';
COMMENT ON COLUMN ledger_writers.home IS 'Name of the data folder it ran on; one process at a time has it.';
COMMENT ON COLUMN ledger_writers.key_id IS 'Fingerprint of the key that its hashes are made with; the key itself is not in the database.';
COMMENT ON COLUMN ledger_writers.alive_at IS 'When it last said that it lives; null when it has ended in order.';

CREATE TABLE ledger_manifests (
  day      date NOT NULL,
  writer   text NOT NULL,
  kind     text NOT NULL,
  revision integer NOT NULL,
  body     text NOT NULL,
  key_id   text NOT NULL,
  mac      bytea NOT NULL,
  PRIMARY KEY (day, writer, kind, revision)
);
COMMENT ON TABLE ledger_manifests IS 'What the ledger held of a day when the day was over (kind "sealed"), and that its rows were removed when they were old (kind "dropped"). Kept longer than the rows.';

CREATE TABLE ledger_usage (
  hour              timestamptz NOT NULL,
  dims              uuid NOT NULL,
  writer            text NOT NULL,
  kind              text NOT NULL,
  key_id            text NOT NULL,
  user_id           text,
  team              text,
  model             text,
  deployment        text,
  server            text,
  tool              text,
  requests          bigint NOT NULL,
  failures          bigint NOT NULL,
  prompt_tokens     bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  cost              numeric NOT NULL,
  PRIMARY KEY (hour, dims)
) WITH (fillfactor = 70);
CREATE INDEX ledger_usage_key ON ledger_usage (key_id, hour);
COMMENT ON TABLE ledger_usage IS 'Ended calls by the hour (UTC) in which they began. Kept longer than the calls themselves.';
COMMENT ON COLUMN ledger_usage.dims IS 'Digest of what the row is about: writer to tool.';
COMMENT ON COLUMN ledger_usage.writer IS 'So that two gateways never wait for each other''s row.';

-- What a call adds to the usage. A model that nothing answered to is text of a stranger and no group of its own.
CREATE FUNCTION ledger_usage_model(model text, deployment text, status text, cost numeric) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN deployment IS NOT NULL OR cost IS NOT NULL OR status = 'ok' THEN model END $$;

-- The same for every statement that touches ledger_calls, so that the sums are those of the rows whatever happens to an end.
CREATE FUNCTION ledger_usage_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger_usage AS u (hour, dims, writer, kind, key_id, user_id, team, model, deployment, server, tool,
    requests, failures, prompt_tokens, completion_tokens, cost)
  SELECT hour, md5(ROW(writer, kind, key_id, user_id, team, model, deployment, server, tool)::text)::uuid,
    writer, kind, key_id, user_id, team, model, deployment, server, tool, requests, failures, prompt_tokens, completion_tokens, cost
  FROM (
    SELECT date_trunc('hour', started_at, 'UTC') AS hour, writer, kind, key_id, user_id, team,
      ledger_usage_model(model, deployment, status, cost) AS model, deployment, server, original_name AS tool,
      count(*) AS requests, count(*) FILTER (WHERE status <> 'ok') AS failures,
      coalesce(sum(prompt_tokens), 0) AS prompt_tokens, coalesce(sum(completion_tokens), 0) AS completion_tokens,
      coalesce(sum(cost), 0) AS cost
    FROM new_rows WHERE ended_at IS NOT NULL AND kind <> 'admin'
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
  ) AS sums
  ORDER BY 1, 2
  ON CONFLICT (hour, dims) DO UPDATE SET requests = u.requests + EXCLUDED.requests, failures = u.failures + EXCLUDED.failures,
    prompt_tokens = u.prompt_tokens + EXCLUDED.prompt_tokens, completion_tokens = u.completion_tokens + EXCLUDED.completion_tokens,
    cost = u.cost + EXCLUDED.cost;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger_usage_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger_usage AS u (hour, dims, writer, kind, key_id, user_id, team, model, deployment, server, tool,
    requests, failures, prompt_tokens, completion_tokens, cost)
  SELECT hour, md5(ROW(writer, kind, key_id, user_id, team, model, deployment, server, tool)::text)::uuid,
    writer, kind, key_id, user_id, team, model, deployment, server, tool, requests, failures, prompt_tokens, completion_tokens, cost
  FROM (
    SELECT date_trunc('hour', started_at, 'UTC') AS hour, writer, kind, key_id, user_id, team,
      ledger_usage_model(model, deployment, status, cost) AS model, deployment, server, original_name AS tool,
      sum(sign)::bigint AS requests, coalesce(sum(sign) FILTER (WHERE status <> 'ok'), 0)::bigint AS failures,
      coalesce(sum(sign * prompt_tokens), 0)::bigint AS prompt_tokens,
      coalesce(sum(sign * completion_tokens), 0)::bigint AS completion_tokens,
      coalesce(sum(sign * cost), 0) AS cost
    FROM (
      SELECT 1 AS sign, n.* FROM new_rows AS n WHERE ended_at IS NOT NULL AND kind <> 'admin'
      UNION ALL
      SELECT -1, o.* FROM old_rows AS o WHERE ended_at IS NOT NULL AND kind <> 'admin'
    ) AS changes
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
  ) AS sums
  WHERE (requests, failures, prompt_tokens, completion_tokens, cost) <> (0, 0, 0, 0, 0)
  ORDER BY 1, 2
  ON CONFLICT (hour, dims) DO UPDATE SET requests = u.requests + EXCLUDED.requests, failures = u.failures + EXCLUDED.failures,
    prompt_tokens = u.prompt_tokens + EXCLUDED.prompt_tokens, completion_tokens = u.completion_tokens + EXCLUDED.completion_tokens,
    cost = u.cost + EXCLUDED.cost;
  RETURN NULL;
END $$;

CREATE TRIGGER ledger_usage_inserted AFTER INSERT ON ledger_calls
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger_usage_inserted();
CREATE TRIGGER ledger_usage_updated AFTER UPDATE ON ledger_calls
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION ledger_usage_updated();

-- What was recorded before there were sums.
INSERT INTO ledger_usage (hour, dims, writer, kind, key_id, user_id, team, model, deployment, server, tool,
  requests, failures, prompt_tokens, completion_tokens, cost)
SELECT hour, md5(ROW(writer, kind, key_id, user_id, team, model, deployment, server, tool)::text)::uuid,
  writer, kind, key_id, user_id, team, model, deployment, server, tool, requests, failures, prompt_tokens, completion_tokens, cost
FROM (
  SELECT date_trunc('hour', started_at, 'UTC') AS hour, writer, kind, key_id, user_id, team,
    ledger_usage_model(model, deployment, status, cost) AS model, deployment, server, original_name AS tool,
    count(*) AS requests, count(*) FILTER (WHERE status <> 'ok') AS failures,
    coalesce(sum(prompt_tokens), 0) AS prompt_tokens, coalesce(sum(completion_tokens), 0) AS completion_tokens,
    coalesce(sum(cost), 0) AS cost
  FROM ledger_calls WHERE ended_at IS NOT NULL
  GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
) AS sums;
