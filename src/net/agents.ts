import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

/** Sockets of a library that opens its own; all of them end with it. */
export class Agents implements Disposable {
  readonly #agents: (HttpAgent | HttpsAgent)[] = [];

  /** For one protocol with its colon, as in a URL. */
  for(protocol: string): HttpAgent | HttpsAgent {
    const agent =
      protocol === 'https:'
        ? new HttpsAgent({ keepAlive: true, maxSockets: 2 })
        : new HttpAgent({ keepAlive: true, maxSockets: 2 });
    this.#agents.push(agent);
    return agent;
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents) agent.destroy();
  }
}
