import { BOUNDS } from '../../src/core/bounds.ts';
import { GENERATED } from './markdown.ts';

const MEANING: Readonly<Record<keyof typeof BOUNDS, string>> = {
  bodyBytesMax: 'Body of one HTTP request; a larger one is refused with 413 (`body-too-large`).',
  messageBytesMax: 'One message on an event stream of a server; the call that it answers fails (`response-too-large`). The stream may be as long as it likes.',
  stdioLineBytesMax: 'One line of a stdio server. A longer one ends its process, which is started anew.',
  upstreamResponseBytesMax: 'One answer of a server that is not a stream; a larger one fails its call (`response-too-large`).',
  sessionsMax: 'Client sessions in memory. Idle ones are forgotten first, and come back by their ids; when none is idle, a new one gets 503 (`session-limit`).',
  inFlightPerSessionMax: 'Requests in flight in one client session; one more gets 429 (`session-busy`). Notifications and responses do not count.',
  inFlightPerServerMax: 'Calls in flight to one server. Further ones wait for their turn, up to 4,096; one more fails (`server-busy`).',
  keepAliveMs: 'Between two keep-alive comments on an event stream; also how long an answer may be silent before it becomes one.',
  serverStartMs: 'From starting a server to its handshake; then it counts as down, and is tried again.',
  callTotalMs: 'One call, from when its turn comes to the last byte; then it is cancelled (`call-timeout`).',
  firstListWaitMs: 'How long the first list waits for a server that was never seen before.',
  ledgerMemoryRowsMax: 'Ledger records in memory that are not stored yet.',
  ledgerDiskBytesMax: 'Ledger records on disk that are not stored yet; beyond this, calls are refused.',
  shutdownDrainMs: 'How long calls in flight may go on when the gateway stops; those that take longer are cut.',
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
