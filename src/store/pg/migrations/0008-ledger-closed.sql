-- Calls that another writer has closed: as long as there is one of a writer, its row in ledger_writers is needed.
CREATE INDEX ledger_calls_closed ON ledger_calls (end_writer) WHERE end_seq IS NULL AND end_writer IS NOT NULL;
COMMENT ON TABLE ledger_manifests IS 'What the ledger held of a day when the day was over (kind "sealed"), that its rows were removed when they were old (kind "dropped"), and how far a writer had come that has ended and of which no row is left (kind "retired"). Kept longer than the rows.';
COMMENT ON TABLE ledger_writers IS 'Runs of gateways that have written here, and how far their chains have come: those that live, and those of which there are rows.';
