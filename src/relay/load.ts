import { GatewayError } from '../core/errors.ts';
import type { RpcMessage } from '../mcp/client-wire.ts';
import type { Parcel } from './parcel.ts';

export interface LoadBounds {
  /** Requests on their way at the same time, and the bytes of all messages that are. */
  readonly requestsMax: number;
  readonly bytesMax: number;
}

/** The parcels under way, which are held in memory until they are delivered. */
export class Load {
  readonly parcels = new Set<Parcel>();
  readonly #bounds: LoadBounds;
  #bytes = 0;

  constructor(bounds: LoadBounds) {
    this.#bounds = bounds;
  }

  /** Throws `relay-busy` when more would be held than may be. What is no request has double the room: it ends requests. */
  check(body: Buffer, messages: readonly RpcMessage[]): void {
    const { requestsMax, bytesMax } = this.#bounds;
    const share = messages.some((message) => message.kind === 'request') ? 1 : 2;
    const full = this.parcels.size >= requestsMax * share || this.#bytes + body.length > bytesMax * share;
    if (full && this.parcels.size > 0)
      throw new GatewayError('relay-busy', { requests: requestsMax, bytes: bytesMax });
  }

  add(parcel: Parcel): void {
    this.parcels.add(parcel);
    this.#bytes += parcel.body.length;
  }

  remove(parcel: Parcel): void {
    if (this.parcels.delete(parcel)) this.#bytes -= parcel.body.length;
  }
}
