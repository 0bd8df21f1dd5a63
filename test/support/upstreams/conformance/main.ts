// Everything that the official conformance suite expects of a server under test, as one of six kinds of server.
import { parseArgs } from 'node:util';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { listen } from '../listen.ts';
import { Features, type Part } from './features.ts';
import { httpDual, httpLegacy, httpModern, sse } from './http.ts';
import { serveV1 } from './serve-v1.ts';
import { factoryV2 } from './serve-v2.ts';

const KINDS: Readonly<Record<string, (features: Features) => void | Promise<void>>> = {
  'http-dual': (features) => listen(httpDual(features)),
  'http-modern': (features) => listen(httpModern(features)),
  'http-legacy': (features) => listen(httpLegacy(features)),
  'stdio-dual': (features) => void serveStdio(factoryV2(features, true)),
  'stdio-legacy': (features) => serveV1(features, new StdioServerTransport()),
  sse: (features) => listen(sse(features)),
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { part: { type: 'string', default: 'all' } },
});
const [kind = ''] = positionals;
const serve = KINDS[kind];
if (serve === undefined || !['all', 'a', 'b'].includes(values.part)) {
  process.stderr.write(`usage: main.ts ${Object.keys(KINDS).join('|')} [--part a|b]\n`);
  process.exit(2);
}
await serve(new Features(values.part as Part));
