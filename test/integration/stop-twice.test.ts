import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { configWith, MASTER_KEY, startGateway } from '../support/gateway.ts';
import { callTool } from '../support/limited.ts';
import { serversSettled } from '../support/servers.ts';
import { startSlowServer } from '../support/slow-server.ts';
import { verifies } from '../support/verifies.ts';

it('a signal that comes twice at once stops it in good order; one that is repeated later ends it at once', async () => {
  verifies('run:clean-stop');
  for (const isPatient of [true, false]) {
    await using slow = await startSlowServer();
    await using gateway = await startGateway({ config: configWith({ slow: { url: slow.url } }) });
    await serversSettled(gateway);
    const call = callTool(gateway.url, MASTER_KEY, 'slow-wait').then(
      ({ text }) => text,
      () => 'cut off',
    );
    await slow.called;
    const stopped = gateway.stop();
    // As from one who tells every process of a group, of which another passes it on. Two of one kind might arrive as one.
    process.kill(gateway.pid, 'SIGINT');
    if (isPatient) slow.release();
    else {
      // Its second without a further signal begins when it has heard of the first.
      await gateway.logged(({ message }) => message === 'stopping');
      await setTimeout(1_100);
      process.kill(gateway.pid, 'SIGTERM');
    }
    expect(await call).toBe(isPatient ? 'waited' : 'cut off');
    expect(await stopped).toBe(isPatient ? 0 : 1);
  }
}, 60_000);
