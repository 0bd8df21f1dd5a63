import { BOUNDS } from '../../src/core/bounds.ts';
import { GENERATED } from './markdown.ts';

const MEANING: Readonly<Record<keyof typeof BOUNDS, string>> = {
  bodyBytesMax: 'Body of one HTTP request.',
  messageBytesMax: 'One MCP message from a server.',
  stdioLineBytesMax: 'One line of a stdio server.',
  upstreamResponseBytesMax: 'One answer of a server that is not a stream.',
  sessionsMax: 'Open client sessions.',
  inFlightPerSessionMax: 'Requests in flight in one client session.',
  inFlightPerServerMax: 'Calls in flight to one server.',
  keepAliveMs: 'Between two keep-alive comments on an idle event stream.',
  serverStartMs: 'From starting a server to its handshake.',
  callTotalMs: 'One call, from the first byte to the last.',
  firstListWaitMs: 'How long the first list waits for a server that was never seen before.',
  ledgerMemoryRowsMax: 'Ledger records in memory that are not stored yet.',
  ledgerDiskBytesMax: 'Ledger records on disk that are not stored yet; beyond this, calls are refused.',
  shutdownDrainMs: 'How long calls in flight may go on when the gateway stops.',
  bodyReadMs: 'How long the body of a request may take to arrive.',
};

/** docs/reference/bounds.md: every bound with its default and its key in the configuration. */
export function boundsPage(): string {
  const rows = (Object.keys(BOUNDS) as (keyof typeof BOUNDS)[]).map(
    (name) => `| \`limits.${snake(name)}\` | ${readable(name, BOUNDS[name])} | ${MEANING[name]} |`,
  );
  return `# Bounds

${GENERATED('src/core/bounds.ts')}

Everything that holds or waits has a bound. Each is a key under \`limits\` in the configuration.

| key | default | bounds what |
| --- | --- | --- |
${rows.join('\n')}
`;
}

const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function readable(name: string, value: number): string {
  if (name.includes('Bytes'))
    return value % 2 ** 30 === 0 ? `${value / 2 ** 30} GiB` : `${value / 2 ** 20} MiB`;
  if (name.endsWith('Ms')) return `${value / 1000} s`;
  return value.toLocaleString('en');
}
