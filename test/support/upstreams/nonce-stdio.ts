// The nonce tools over stdio. argv[2] is `modern`, a legacy revision, or `@FILE` with either in it, read at each start; argv[3] the file
// for effects. SIGUSR2 makes it write garbage where messages belong, SIGHUP makes it slow for a while.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { LegacyPeer, type Message, ModernPeer, type Send } from './nonce/peers.ts';
import { NonceTools } from './nonce/tools.ts';

const SLOW_MS = 300;
const SLOW_FOR_MS = 2_000;

const [, , given = '2025-11-25', effects] = process.argv;
const mode = given.startsWith('@') ? readFileSync(given.slice(1), 'utf8').trim() : given;
const tools = new NonceTools(effects);
const send: Send = (message) => void process.stdout.write(`${JSON.stringify(message)}\n`);
const legacy = new LegacyPeer(tools, mode, send);
const modern = new ModernPeer(tools);

process.on(
  'SIGUSR2',
  () => void process.stdout.write('Warning: {not json\n\u0000\n{"jsonrpc":"2.0"}\n[1,2\n'),
);
process.on('SIGHUP', () => tools.slowDown(SLOW_MS, SLOW_FOR_MS));

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as Message;
  if (mode === 'modern') void modern.receive(message, send);
  else legacy.receive(message);
}
