import { type Actor, ERRORS } from '../../src/core/errors.ts';
import { cell, GENERATED } from './markdown.ts';

const ACTORS: Readonly<Record<Actor, string>> = {
  caller: 'who sent the request',
  operator: 'who runs this gateway',
  upstream: 'the MCP server or its owner',
  bug: 'us: please report it',
};

/** docs/reference/errors.md: every error that the gateway can answer with. */
export function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, row]) =>
      `| \`${code}\` | ${row.status} | ${row.rpc} | ${row.retryable ? 'yes' : 'no'} | ${row.actor} | ${cell(row.text)} |`,
  );
  return `# Errors

${GENERATED('src/core/errors.ts')}

Every answer that is an error carries one of these codes. *HTTP* is the status when the error answers a request by itself; an error with
status 200 answers a JSON-RPC request, as an \`error\` object or as a tool result with \`isError: true\` that the model can read.
*Again* says whether the same request may succeed later. *Acts* says who makes the error go away:
${Object.entries(ACTORS)
  .map(([actor, who]) => `${actor} = ${who}`)
  .join('; ')}.
Words in braces are filled in.

| code | HTTP | JSON-RPC | again | acts | text |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}
