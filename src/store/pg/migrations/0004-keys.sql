CREATE TABLE keys (
  id         text PRIMARY KEY,
  digest     text NOT NULL UNIQUE,
  alias      text UNIQUE,
  user_id    text,
  team_id    text,
  version    bigint NOT NULL DEFAULT 1,
  record     jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE keys IS 'Virtual keys that were made at run time. Their values are kept nowhere.';
COMMENT ON COLUMN keys.id IS 'The account: the first 16 hexadecimal digits of the SHA-256 of the first value; as key_id in the ledger.';
COMMENT ON COLUMN keys.digest IS 'SHA-256 of the value that counts now, in hexadecimal.';

CREATE TABLE users (
  id         text PRIMARY KEY,
  version    bigint NOT NULL DEFAULT 1,
  record     jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE users IS 'Users that keys belong to.';

CREATE TABLE teams (
  id         text PRIMARY KEY,
  alias      text,
  version    bigint NOT NULL DEFAULT 1,
  record     jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE teams IS 'Teams that keys belong to, with their members.';

-- Whoever changes a row, every gateway on this database hears which one and reads it again. The version tells a gateway that it has heard already.
CREATE FUNCTION lanport_account_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM pg_notify('lanport_accounts', TG_ARGV[0] || ' 0 ' || OLD.id);
    RETURN OLD;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
  END IF;
  PERFORM pg_notify('lanport_accounts', TG_ARGV[0] || ' ' || NEW.version || ' ' || NEW.id);
  RETURN NEW;
END
$$;

CREATE TRIGGER keys_changed BEFORE INSERT OR UPDATE OR DELETE ON keys
  FOR EACH ROW EXECUTE FUNCTION lanport_account_changed('key');
CREATE TRIGGER users_changed BEFORE INSERT OR UPDATE OR DELETE ON users
  FOR EACH ROW EXECUTE FUNCTION lanport_account_changed('user');
CREATE TRIGGER teams_changed BEFORE INSERT OR UPDATE OR DELETE ON teams
  FOR EACH ROW EXECUTE FUNCTION lanport_account_changed('team');

-- TRUNCATE fires no row triggers.
CREATE FUNCTION lanport_accounts_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('lanport_accounts', 'all');
  RETURN NULL;
END
$$;
CREATE TRIGGER keys_emptied AFTER TRUNCATE ON keys FOR EACH STATEMENT EXECUTE FUNCTION lanport_accounts_emptied();
CREATE TRIGGER users_emptied AFTER TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION lanport_accounts_emptied();
CREATE TRIGGER teams_emptied AFTER TRUNCATE ON teams FOR EACH STATEMENT EXECUTE FUNCTION lanport_accounts_emptied();
