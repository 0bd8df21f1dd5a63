CREATE TABLE tool_history (
  server     text NOT NULL,
  tool       text NOT NULL,
  payload    text NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (server, tool)
);
COMMENT ON TABLE tool_history IS 'The definitions that each tool has had, and which of them the operator accepted.';
COMMENT ON COLUMN tool_history.tool IS 'The server''s own name of the tool as JSON writes it, without the quotes.';
