import { expect, it } from 'vitest';
import { configWith, startGateway } from '../support/gateway.ts';
import { verifies } from '../support/verifies.ts';

const CANARY = 'canary-5d2f8e7a9b4c1d6e3f';

it('a gateway that ends by an error that nothing has caught says it in its log, with the stack and without secrets', async () => {
  verifies('run:crash-told');
  const defect = `process.on('SIGUSR2', function faulty() { throw new TypeError('a defect met ${CANARY}'); });`;
  const config = configWith({
    one: { url: 'http://127.0.0.1:1/mcp', headers: { authorization: `Bearer ${CANARY}` } },
  });
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(defect)}` };
  await using gateway = await startGateway({ config, env });
  process.kill(gateway.pid, 'SIGUSR2');
  const line = await gateway.logged(({ message }) => message.startsWith('the gateway ends by an error'));
  expect(line).toMatchObject({
    level: 'error',
    error: expect.stringContaining('a defect met') as unknown,
    stack: expect.stringContaining('at process.faulty') as unknown,
  });
  // Told once all of what it wrote is read.
  await expect.poll(() => gateway.endedAlone).toHaveLength(1);
  expect(gateway.endedAlone[0]).toMatch(/^ended with 1\n/);
  // Nor does Node.js say it in its own way.
  expect(gateway.log.at(-1)).toBe(line);
  expect(JSON.stringify(gateway.log)).not.toContain(CANARY);
});
