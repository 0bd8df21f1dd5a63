import { type HeaderLine, parseTarget, type Target } from '../../net/http-client.ts';
import type { FormatName } from '../conversation/format-name.ts';
import type { Json } from '../conversation/parts.ts';
import { credentialHeaders, type Deployment, urlOf } from '../providers/deployment.ts';
import type { Operation } from '../providers/provider-table.ts';
import { ownMembers } from './deployment-params.ts';

/** Where a request goes, and the headers that each one has. The same objects every time, by which the HTTP client knows them again. */
export interface Address {
  readonly target: Target;
  readonly headers: readonly HeaderLine[];
}

/** What is the same for every request to a deployment, made with the first one. */
export class PreparedDeployment {
  readonly #deployment: Deployment;
  readonly #addresses = new Map<string, Address>();
  /** Parameters that the operator wrote, by the names of Chat Completions. */
  readonly members: readonly (readonly [string, Json])[];
  /** Its name of the model, as JSON. */
  readonly model: Buffer;

  constructor(deployment: Deployment) {
    this.#deployment = deployment;
    this.members = ownMembers(deployment);
    this.model = Buffer.from(JSON.stringify(deployment.model));
  }

  /** Throws on an address that cannot be used. */
  address(format: FormatName, operation: Operation, isStream: boolean): Address {
    const key = `${format} ${operation} ${isStream}`;
    let address = this.#addresses.get(key);
    if (address === undefined) {
      address = {
        target: parseTarget(urlOf(this.#deployment, format, operation, isStream)),
        headers: [
          ['Content-Type', 'application/json'],
          ['Accept', isStream ? 'text/event-stream' : 'application/json'],
          ...credentialHeaders(this.#deployment),
        ],
      };
      this.#addresses.set(key, address);
    }
    return address;
  }
}

/** The prepared deployments of one configuration. */
export class Prepared {
  readonly #known = new WeakMap<Deployment, PreparedDeployment>();

  of(deployment: Deployment): PreparedDeployment {
    let prepared = this.#known.get(deployment);
    if (prepared === undefined) this.#known.set(deployment, (prepared = new PreparedDeployment(deployment)));
    return prepared;
  }
}
