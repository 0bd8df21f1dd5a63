import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchRun } from '../bench-run.ts';
import { HEADERS } from '../gateway.ts';
import { freePort, installPeers, listening } from '../install-peers.ts';
import { type Started, startProcess, UNDER_TEST } from '../processes.ts';
import { streamModel } from './answers.ts';
import { type LlmCase, PEER_CONNECTIONS, streamCase, streamJob, wholeCase } from './llm-cases.ts';
import { EACH, type LlmStage, MANY } from './stage.ts';

const PACKAGE = '@portkey-ai/gateway';
const VERSION = '1.15.2';
/** With later ones it answers every stream with status 500 (https://github.com/Portkey-AI/gateway/issues/1389). */
const OVERRIDES = { '@hono/node-server': '1.13.8' };

/** (6) The same work by a peer and by Lanport, or why there is none. */
export async function peerCases(
  { track }: BenchRun,
  { upstream, gateway, withoutDatabase }: LlmStage,
): Promise<readonly LlmCase[] | string> {
  const installed = await installPeers('llm-peers', [`${PACKAGE}@${VERSION}`], OVERRIDES);
  if ('skipped' in installed) return installed.skipped;
  const home = join(installed.folder, 'node_modules', PACKAGE);
  const { bin, version } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as {
    bin: string;
    version: string;
  };
  const port = await freePort();
  const peer = await startProcess(
    UNDER_TEST,
    [join(home, bin), `--port=${port}`, '--headless'],
    (line) => (/Ready for connections/.test(line) ? port : undefined),
    { TRUSTED_CUSTOM_HOSTS: '127.0.0.1', NODE_ENV: 'production' },
  );
  track(peer);
  await listening(port);
  const headers = {
    ...HEADERS,
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `http://127.0.0.1:${upstream.port}/v1`,
  };
  const whole = `, whole, ${PEER_CONNECTIONS} conn.`;
  const peerName = `(i) ${PACKAGE} ${version}`;
  return [
    wholeCase(`${peerName}${whole}`, peer, PEER_CONNECTIONS, undefined, headers),
    wholeCase(`(j) Lanport${whole}`, gateway, PEER_CONNECTIONS),
    wholeCase(`(j) Lanport, disable_database${whole}`, withoutDatabase, PEER_CONNECTIONS),
    ...[EACH, MANY].flatMap((manner) => {
      const streamed = `, streamed, ${manner.eventsPerChunk} a chunk, ${PEER_CONNECTIONS} conn.`;
      const job = (target: Started, more = HEADERS): ReturnType<typeof streamJob> =>
        streamJob(target, 'chat', streamModel(manner), manner, PEER_CONNECTIONS, more);
      return [
        streamCase(`${peerName}${streamed}`, peer, job(peer, headers)),
        streamCase(`(j) Lanport${streamed}`, gateway, job(gateway)),
      ];
    }),
  ];
}
