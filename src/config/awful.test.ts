import { expect, it } from 'vitest';
import { inspectConfig } from './load.ts';
import { formatProblem } from './problem.ts';

const AWFUL = `genral_settings: {port: 1}
general_settings:
  port: eighty
  master_key: 12345
  mster_key: sk-oops
  host: \${NO_SUCH_HOST}
  allowed_ips: [1.2.3.4/99, "::1"]
  master_key: twice
  database_url: mysql://u:topsecret@h/d
mcp_servers:
  db: {transprot: sse, url: http://x/sse}
  db2: {transport: htpp, url: ftp://x}
  both: {url: http://x, command: y}
  nothing: {}
  bad name: {url: "localhost:80"}
  cmd: {command: FOO=1 npx thing}
  cmd2: {command: "npx thing | tee x"}
  args:
    command: x
    args: nolist
    timeout: soon
    auth_type: bearer
    auth_value: {a: 1}
    static_headers: {Host: y, X: "a\\nb"}
  d1: {url: "http://u:p@h/x", alias: d2}
  d2: {url: http://h/x, access_groups: [db]}
mcp_aliases: {q: dbb}
virtual_keys:
  - {api_key: k1, mcp_servers: [dbb, q], expires: tomorrow}
  - {api_key: k1, models: all}
  - {mcp_servers: [db]}
  - {api_key: "\${X-Y}"}
  - {api_key sk-oops: }
limits: {body_bytes_max: big, session_max: 4, keep_alive_ms: 15s}
cache: true
master_key: sk-oops
litellm_settings: {cache: true, mcp_aliases: [a]}
`;

it('every problem of a deliberately awful file is reported at once, with its place and a way out', async () => {
  const { config, problems } = await inspectConfig({
    file: 'awful.yaml',
    env: {},
    readFile: () => Promise.resolve(Buffer.from(AWFUL)),
  });
  expect(config).toBeUndefined();
  expect(`\n${problems.map(formatProblem).join('\n')}\n`).toMatchInlineSnapshot(`
    "
    awful.yaml:1:1: error: genral_settings: is not a known setting. Did you mean "general_settings"?
    awful.yaml:3:3: error: general_settings.port: must be a number, not text.
    awful.yaml:4:3: error: general_settings.master_key: must be text, not a number. Put the value in quotes.
    awful.yaml:5:3: error: general_settings.mster_key: is not a known setting. Did you mean "master_key"?
    awful.yaml:6:3: error: general_settings.host: needs the environment variable NO_SUCH_HOST, which is not set. Set NO_SUCH_HOST, or give a default with \${NO_SUCH_HOST:-default}.
    awful.yaml:7:17: error: general_settings.allowed_ips[0]: must be an IP address or a range such as 192.168.1.0/24.
    awful.yaml:8:3: error: general_settings.master_key: is given twice. It stands in line 4 already. Merge the two entries, or rename one.
    awful.yaml:9:3: error: general_settings.database_url: is not a PostgreSQL address. It has the form postgresql://user:password@host:5432/database.
    awful.yaml:11:8: error: mcp_servers.db.transprot: is not a known setting. Did you mean "transport"?
    awful.yaml:12:9: error: mcp_servers.db2.transport: is "htpp", but must be one of http, streamable_http, streamable-http, streamableHttp, sse, stdio. Did you mean "http"?
    awful.yaml:12:26: error: mcp_servers.db2.url: has the scheme ftp://. Lanport reaches servers over http:// and https://.
    awful.yaml:13:3: error: mcp_servers.both: has both url and command. Keep url for a server that is reached over HTTP, or command for one that Lanport starts.
    awful.yaml:14:3: error: mcp_servers.nothing: has neither url nor command. Give the url of a running server, or the command that starts one.
    awful.yaml:15:3: error: mcp_servers["bad…"]: is not a usable name. Use up to 64 letters, digits, "_", "-" and ".".
    awful.yaml:15:14: error: mcp_servers["bad…"].url: is not a complete address. It begins with http:// or https://.
    awful.yaml:16:18: error: mcp_servers.cmd.command: begins with an assignment to FOO. Write it under env: FOO: …
    awful.yaml:17:19: error: mcp_servers.cmd2.command: uses the shell operator |. No shell runs the command. Write bash -c "…" if one is needed, or move it into a script.
    awful.yaml:18:3: warning: mcp_servers.args: sets headers or credentials, which a server that is started here does not get. Give them to the program under env.
    awful.yaml:20:5: error: mcp_servers.args.args: must be a list, not text. Write it as a list: [ … ], or one "- …" a line.
    awful.yaml:21:5: error: mcp_servers.args.timeout: must be a duration: a number of seconds, or text such as "30s", "5m" or "2h".
    awful.yaml:22:5: error: mcp_servers.args.auth_type: is "bearer", but must be one of none, api_key, bearer_token, basic, authorization, token, oauth2, oauth2_token_exchange, oauth_delegate, aws_sigv4, true_passthrough. Did you mean "bearer_token"?
    awful.yaml:23:5: error: mcp_servers.args.auth_value: must be text, not a map.
    awful.yaml:24:22: error: mcp_servers.args.static_headers.Host: may not set the header Host: the connection makes it itself.
    awful.yaml:24:31: error: mcp_servers.args.static_headers.X: contains characters that a header cannot carry, such as a line break.
    awful.yaml:25:31: error: mcp_servers.d1.alias: "d2" is already the name of the MCP server d2. Every name and alias must be unique; upper and lower case count as equal.
    awful.yaml:26:41: error: mcp_servers.d2.access_groups[0]: "db" is already the name of the MCP server db. Give the access group a name of its own.
    awful.yaml:27:15: error: mcp_aliases.q: names the MCP server "dbb", which does not exist. Did you mean "db"?
    awful.yaml:29:33: error: virtual_keys[0].mcp_servers[0]: there is no MCP server, alias or access group "dbb". Did you mean "db"?
    awful.yaml:29:42: error: virtual_keys[0].expires: must be a date such as 2030-12-31 or a time such as 2030-12-31T18:00:00Z.
    awful.yaml:30:6: error: virtual_keys[1].api_key: is the same key as virtual_keys[0]. Give every entry a key of its own.
    awful.yaml:30:19: error: virtual_keys[1].models: must be a list, not text. Write it as a list: [ … ], or one "- …" a line.
    awful.yaml:31:5: error: virtual_keys[2].api_key: is missing.
    awful.yaml:32:6: error: virtual_keys[3].api_key: has a \${…} that does not name a variable. Write \${NAME} or \${NAME:-default}, and $\${ for a literal \${.
    awful.yaml:33:5: error: virtual_keys[4].api_key: is missing.
    awful.yaml:33:6: error: virtual_keys[4]["api_key…"]: is not a known setting. A ":" and a space are missing after api_key.
    awful.yaml:34:10: error: limits.body_bytes_max: must be a size: a number of bytes, or text such as "32MiB" or "1GiB".
    awful.yaml:34:31: error: limits.session_max: is not a known setting. Did you mean "sessions_max"?
    awful.yaml:35:1: error: cache: is not a known setting. It belongs under litellm_settings.
    awful.yaml:36:1: error: master_key: is not a known setting. It belongs under general_settings or litellm_settings.
    awful.yaml:37:20: warning: litellm_settings.cache: is a LiteLLM setting that Lanport does not act on.
    awful.yaml:37:33: error: litellm_settings.mcp_aliases: must be a map, not a list.
    "
  `);
});
