import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts', 'scripts/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    // The conformance suite gives some answers half a second; more at once than this would make it a test of the machine.
    maxConcurrency: 2,
    testTimeout: 60_000,
    hookTimeout: 90_000,
    // What is looked for again and again has come long before, but for a machine that is busy.
    expect: { poll: { timeout: 20_000 } },
    passWithNoTests: false,
    allowOnly: false,
  },
});
