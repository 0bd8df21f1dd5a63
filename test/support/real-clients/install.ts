import { join } from 'node:path';
import { installNpm } from '../installed.ts';
import { ROOT } from '../process.ts';

/** Packages of a list in test/real-clients: where they are, or why they are not here. */
export type Packages =
  | { readonly modules: string; readonly missing?: undefined }
  | { readonly modules?: undefined; readonly missing: string };

/** What npm says of a registry that it cannot reach. */
const UNREACHABLE =
  /E(?:NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH)|ERR_SOCKET_TIMEOUT/;

/** Installs the clients of a list. A registry that cannot be reached is told; anything else that keeps them from being installed rejects. */
export async function installClients(list: string): Promise<Packages> {
  try {
    return { modules: await installNpm(join(ROOT, 'test/real-clients', list), `lanport-client-${list}`) };
  } catch (error) {
    const { stderr = '' } = error as { readonly stderr?: string };
    const [missing] = UNREACHABLE.exec(stderr) ?? [];
    if (missing === undefined) throw error;
    return { missing };
  }
}
