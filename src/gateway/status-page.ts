import type { Exchange } from './exchange.ts';

/** What a person sees who opens the address in a browser: what this is, and how to connect. No data, no script. */
export function sendStatusPage(exchange: Exchange, version: string): void {
  const host = escape(exchange.headers.host ?? '127.0.0.1:4000');
  const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Lanport</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}pre{background:#8881;padding:.8rem;overflow:auto}</style>
<h1>Lanport ${escape(version)}</h1>
<p>This address serves the Model Context Protocol: every tool of every configured server, over one address with one key.</p>
<p>In Claude Code:</p>
<pre>claude mcp add --transport http lanport http://${host}/mcp --header "Authorization: Bearer YOUR_KEY"</pre>
<p>In any other client: transport <b>streamable HTTP</b>, URL <code>http://${host}/mcp</code>, header <code>Authorization: Bearer YOUR_KEY</code>. Clients that only speak HTTP+SSE use <code>http://${host}/sse</code>.</p>
<p>Health: <a href="/health">/health</a></p>
</html>
`;
  exchange.send(
    200,
    {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'x-content-type-options': 'nosniff',
    },
    Buffer.from(page),
  );
}

function escape(text: string): string {
  return text.replaceAll(/[^\w.:[\]-]/g, '');
}
