-- Whether an answer is another key's is asked by its id alone.
CREATE INDEX responses_id ON responses (id);
