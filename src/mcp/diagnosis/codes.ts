/** What one diagnosis means and what to do about it; docs/reference/diagnoses.md is made of this. */
export interface DiagnosisRow {
  /** A line for a list. */
  readonly title: string;
  /** What was observed, in general; `words` of a Diagnosis has the particulars. */
  readonly means: string;
  /** What the operator does. Markdown. */
  readonly act: string;
}

const THREE_WAYS = `Choose one of three ways:

1. let docker work where the gateway runs: install the docker client, start the daemon, add the user to the group \`docker\` (in a container mount \`/var/run/docker.sock\`, which gives the gateway power over the host);
2. run the server as a container of its own that serves MCP over HTTP, and give its \`url\` in place of the command;
3. run the server without a container: most are published for \`npx\` or \`uvx\` too.`;

/** Every diagnosis. Codes are stable: a row may be added, never renamed. */
export const DIAGNOSES = {
  ok: {
    title: 'works as declared',
    means: 'The server answered over the declared transport, at the declared address, and listed its tools.',
    act: 'Nothing.',
  },
  'no-tools': {
    title: 'works, but lists no tools',
    means: 'The handshake succeeded, and the list of tools is empty or the server has none.',
    act: 'Look at how the server is configured: many load their tools from a folder, an account or a flag, and stay silent when there is none.',
  },
  'wrong-transport': {
    title: 'speaks another transport than declared',
    means: 'The address is right, but what listens there speaks another MCP transport.',
    act: 'Write the `transport` that was found, or let `--fix` do it. Until then the gateway uses what it finds, unless `transport_strict` is set.',
  },
  'wrong-path': {
    title: 'MCP is at another path',
    means: 'Something answers at the address, but MCP is spoken at another path of the same host.',
    act: 'Write the `url` that was found, or let `--fix` do it.',
  },
  redirect: {
    title: 'the address redirects',
    means:
      'The server answers with a redirect. Redirects are not followed during calls, because credentials must not go where the configuration does not send them.',
    act: 'Write the address that the redirect names as `url`. When it is on another host, check first that it is the server you mean.',
  },
  'tls-needed': {
    title: 'plain HTTP on a TLS port',
    means: 'The `url` begins with `http://`, but the port speaks TLS.',
    act: 'Write `https://`.',
  },
  'tls-not-spoken': {
    title: 'TLS on a plain HTTP port',
    means: 'The `url` begins with `https://`, but the port speaks plain HTTP.',
    act: 'Write `http://`, or put TLS in front of the server.',
  },
  'tls-untrusted': {
    title: 'the certificate is not trusted',
    means: 'The certificate is self-signed, or signed by an authority that is not known here.',
    act: "Start the gateway with the environment variable `NODE_EXTRA_CA_CERTS=/path/to/ca.pem` (the authority's certificate, or the self-signed one itself), or give the server a public certificate.",
  },
  'tls-expired': {
    title: 'the certificate is not valid now',
    means: 'The certificate has expired, or is not valid yet.',
    act: 'Renew it on the server. When the dates look right, correct the clock of this machine.',
  },
  'tls-name': {
    title: 'the certificate is for another name',
    means: 'The certificate is valid, but not for the host name in the `url`.',
    act: 'Use a name that stands in the certificate, or have one made for this name.',
  },
  'tls-failed': {
    title: 'TLS failed',
    means:
      'The TLS handshake failed for another reason: no common version or cipher, or a client certificate is asked for.',
    act: 'Look at the reason in the words. Client certificates are not supported; put a proxy between that has one.',
  },
  'dns-unknown': {
    title: 'the host name does not resolve',
    means: 'The host name is not known to the name service of the machine that the gateway runs on.',
    act: 'Check the spelling; use an IP address, or add the name to the name service or to `/etc/hosts`.',
  },
  'container-name': {
    title: 'a container name that is not known here',
    means:
      'The host name is a single word that does not resolve, as the service names of docker compose are: these are known only inside the network of that compose project.',
    act: 'Run the gateway in the same compose network, or publish the port of the service and use the name of the host. When the service has a published port on this machine, `http://127.0.0.1:PORT` reaches it.',
  },
  'container-loopback': {
    title: 'localhost inside a container',
    means:
      'The gateway runs inside a container, where `localhost` and `127.0.0.1` are that container itself, and nothing listens there.',
    act: 'For a server in another container use its service name; for one on the host use `host.docker.internal` (on Linux with `extra_hosts: ["host.docker.internal:host-gateway"]`), and let the server listen on more than `127.0.0.1`.',
  },
  refused: {
    title: 'connection refused',
    means: 'The host is reached, but nothing listens at that port.',
    act: 'Start the server, or correct the port. A server that listens on `127.0.0.1` only is refused to other machines: let it listen on `0.0.0.0`.',
  },
  'connect-timeout': {
    title: 'no connection in time',
    means:
      'Nothing answered the attempt to connect: mostly a firewall that drops packets, a wrong address, or a machine that is overloaded or stopped.',
    act: 'Check the address and the firewalls on the way.',
  },
  unreachable: {
    title: 'no way to the host',
    means: 'This machine knows no way to the address, or a router or firewall said that there is none.',
    act: 'Check the network and the address; a VPN may be off.',
  },
  hang: {
    title: 'accepts and never answers',
    means: 'The connection or the process is there, but no answer to the first message came in time.',
    act: 'For an HTTP server: it may wait for a backend of its own, or not be an MCP server. For a program: it may wait for something on its terminal, download packages at its first start (give it more time with `start_timeout`), or serve HTTP instead of stdio.',
  },
  cut: {
    title: 'the connection is closed without an answer',
    means: 'The server accepts the connection and closes it before it answers.',
    act: 'Look at the log of the server. A proxy in front of a server that is down does this too.',
  },
  'auth-missing': {
    title: 'asks for credentials',
    means: 'The server answers 401 or 403, and the entry sends no credentials.',
    act: 'Set `auth_type` and `auth_value` (or `static_headers`). Servers that ask for an OAuth login need a token that was made elsewhere.',
  },
  'auth-refused': {
    title: 'refuses the credentials',
    means: 'The server answers 401 or 403 to the credentials of the entry.',
    act: 'The value is wrong, expired, or has no rights there: get a new one. In a `${NAME}` check that the variable has the value you mean.',
  },
  'auth-type-wrong': {
    title: 'the credential is sent in the wrong way',
    means:
      'The credential of the entry is good, but `auth_type` is missing or wrong, so that it is not sent as the server wants it.',
    act: 'Write the `auth_type` that was found, or let `--fix` do it.',
  },
  'header-missing': {
    title: 'a header is missing',
    means: 'The server says that it needs a header that the entry does not send.',
    act: 'Add it under `static_headers`; when it is different for each client, name it in `extra_headers`.',
  },
  'host-refused': {
    title: 'the server refuses the name it is called by',
    means:
      'The server checks the Host header against a list (protection against DNS rebinding), and the host name of the `url` is not on it. The Python and TypeScript SDKs do this for servers that were started for localhost.',
    act: 'Add the name to the allowed hosts of the server (in the Python SDK `TransportSecuritySettings(allowed_hosts=[…])`, or start it with `host="0.0.0.0"`), or use a name that it accepts.',
  },
  'server-error': {
    title: 'the server reports an error of its own',
    means: 'The server, or a proxy in front of it, answers with HTTP 429 or 5xx.',
    act: 'Look at the log of the server; from a proxy, 502 to 504 mean that the server behind it is down.',
  },
  'not-mcp': {
    title: 'no MCP there',
    means:
      'Something answers, but no MCP: a web page, another service, or the wrong path, and MCP was not found at the usual paths either.',
    act: "Take the address from the server's documentation; it mostly ends in `/mcp` or `/sse`.",
  },
  'revision-unknown': {
    title: 'no common protocol revision',
    means: 'The server speaks JSON-RPC, but no revision of MCP that is known here.',
    act: 'Update the server. Known are 2024-11-05, 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28.',
  },
  'handshake-refused': {
    title: 'refuses the handshake',
    means: 'The server answers the first message with a JSON-RPC error in both eras of the protocol.',
    act: 'The words have its error. Look at the log of the server.',
  },
  'tools-refused': {
    title: 'the list of tools fails',
    means: 'The handshake succeeded, but `tools/list` failed or did not end.',
    act: 'The words have the reason. Look at the log of the server; it is mostly what the server needs itself that is missing.',
  },
  'command-not-found': {
    title: 'the command does not exist here',
    means:
      'The program is in none of the folders of the PATH that the server gets. The PATH is the one of the gateway, not the one of your shell, unless `env` sets it.',
    act: 'Install the program on this machine, write its full path as `command`, or set `PATH` under `env`.',
  },
  'docker-not-found': {
    title: 'there is no docker here',
    means:
      'The command is `docker`, and there is no docker client on the PATH; inside a container this is the normal case.',
    act: THREE_WAYS,
  },
  'docker-not-running': {
    title: 'docker does not run here',
    means: 'There is a docker client, but it reaches no docker daemon, or this user may not use it.',
    act: THREE_WAYS,
  },
  'docker-not-interactive': {
    title: 'docker run without -i',
    means: 'Without `-i` a container has no standard input, so a stdio server in it hears nothing.',
    act: 'Add `-i` behind `run`, and leave `-t` out.',
  },
  'command-not-executable': {
    title: 'the command cannot be executed',
    means:
      'The file is there, but this user may not execute it, or the interpreter in its first line does not exist.',
    act: '`chmod +x FILE`, or name the interpreter as `command` and the file under `args`.',
  },
  'cwd-missing': {
    title: 'the working folder does not exist',
    means: '`cwd` is not a folder on this machine.',
    act: 'Correct `cwd`.',
  },
  'env-missing': {
    title: 'a variable is missing',
    means:
      'The program ended and named an environment variable that it needs. Servers get a small environment, not the one of the gateway.',
    act: 'Set it under `env`, for example `NAME: ${NAME}`.',
  },
  exits: {
    title: 'the program ends',
    means:
      'The program ended before it answered the first message. The words have its exit code and its last lines on stderr.',
    act: 'Run the same command by hand; what it prints is the reason. Servers get a small environment: a variable that your shell has may be missing under `env`.',
  },
  'stdout-noise': {
    title: 'prints text where messages belong',
    means:
      'The server works, but prints lines on standard output that are no messages. The gateway skips them; other clients break.',
    act: 'Let the server log to stderr.',
  },
  'stdout-not-protocol': {
    title: 'prints only text',
    means: 'The program prints text on standard output, and no MCP message.',
    act: 'It is probably not an MCP server, or needs an argument to be one (for example `mcp`, `serve` or `--stdio`). Messages are one line of JSON each.',
  },
  'serves-http': {
    title: 'the program serves HTTP',
    means:
      'The program does not answer on standard input and output, but says that it listens on an HTTP address.',
    act: 'Tell it to use stdio (often `--transport stdio`), or start it as a service of its own and give its `url` in place of the command.',
  },
  'connector-failed': {
    title: 'the built-in connector failed',
    means: 'A connector of Lanport (`command: lanport:…`) could not start.',
    act: 'The words have the reason; mostly a setting under `env` is missing.',
  },
} as const satisfies Readonly<Record<string, DiagnosisRow>>;

export type DiagnosisCode = keyof typeof DIAGNOSES;
