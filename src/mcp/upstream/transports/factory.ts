import type { Bounds } from '../../../core/bounds.ts';
import type { HttpClient } from '../../../net/http-client.ts';
import type { InProcessServer, ServerConfig } from '../../mcp-ports.ts';
import type { TransportFactory } from '../connect.ts';
import { UpstreamFailure } from '../failure.ts';
import type { HeaderLine } from '../transport.ts';
import { HttpTransport } from './http.ts';
import { InProcessTransport } from './in-process.ts';
import { SseTransport } from './sse.ts';
import { StdioTransport } from './stdio.ts';

const CONNECTOR_PREFIX = 'lanport:';

export interface TransportDeps {
  readonly http: HttpClient;
  readonly bounds: Bounds;
  readonly inProcess: ReadonlyMap<string, (config: ServerConfig) => InProcessServer>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Opens each kind of transport with what it needs. */
export function createTransports(deps: TransportDeps): TransportFactory {
  const { bounds, http } = deps;
  return {
    stdio: (config, events) =>
      Promise.resolve(
        new StdioTransport(config, events, {
          lineBytesMax: bounds.stdioLineBytesMax,
          environment: deps.environment,
        }),
      ),
    inProcess: (config, events) => {
      const name =
        config.command?.startsWith(CONNECTOR_PREFIX) === true
          ? config.command.slice(CONNECTOR_PREFIX.length)
          : config.name;
      const create = deps.inProcess.get(name);
      if (create === undefined)
        return Promise.reject(
          new UpstreamFailure(
            'spawn',
            `there is no connector "${name}" (known: ${[...deps.inProcess.keys()].join(', ')})`,
            { delivered: 'no' },
          ),
        );
      return Promise.resolve(new InProcessTransport(create(config), events));
    },
    http: (config, url, events) =>
      new HttpTransport(
        {
          client: http,
          url,
          headers: headersOf(config),
          responseBytesMax: bounds.upstreamResponseBytesMax,
          messageBytesMax: bounds.messageBytesMax,
        },
        events,
      ),
    sse: async (config, url, events, timeoutMs) => {
      const transport = new SseTransport(
        { client: http, url, headers: headersOf(config), messageBytesMax: bounds.messageBytesMax },
        events,
      );
      await transport.open(timeoutMs);
      return transport;
    },
  };
}

function headersOf(config: ServerConfig): HeaderLine[] {
  return Object.entries(config.headers).map(([name, value]) => [name, value.reveal()]);
}
