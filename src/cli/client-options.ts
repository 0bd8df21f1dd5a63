import type { Command } from 'commander';
import { connectGateway, type GatewayClient } from '../app/client.ts';
import { dataFolderOf } from '../app/serve.ts';
import type { ProgramIo } from './program-io.ts';

/** Options of every command that talks to a running gateway. */
export interface ClientOptions {
  readonly url?: string;
  readonly key?: string;
  readonly data?: string;
  readonly config?: string;
  readonly json?: boolean;
}

export function withClientOptions(command: Command): Command {
  return command
    .option('--url <address>', 'address of the gateway (LANPORT_URL, or http://127.0.0.1:4000)')
    .option('--key <key>', 'key to use (LANPORT_KEY, or the master key in the data folder)')
    .option('-d, --data <folder>', 'data folder of the gateway, where a generated master key lies')
    .option('-c, --config <file>', 'configuration file of the gateway, beside which its data folder lies')
    .option('--json', 'print JSON');
}

export function clientOf(options: ClientOptions, io: ProgramIo): GatewayClient {
  return connectGateway({
    url: options.url,
    key: options.key,
    dataFolder: dataFolderOf(options),
    env: io.env,
  });
}
