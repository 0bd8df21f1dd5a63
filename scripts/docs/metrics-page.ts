import { type MetricFacts, METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import { cell, GENERATED } from './markdown.ts';

/** docs/reference/metrics.md: every metric that this program itself defines. */
export function metricsPage(): string {
  const all = Object.entries<MetricFacts>(METRICS);
  const table = (prefix: string): string =>
    [
      '| metric | type | unit | labels | is |',
      '| --- | --- | --- | --- | --- |',
      ...all
        .filter(([name]) => name.startsWith(prefix))
        .map(
          ([name, { type, unit, labels, help }]) =>
            `| \`${name}\` | ${type} | ${unit} | ${labels.join(', ')} | ${cell(help)} |`,
        ),
    ].join('\n');
  return `# Metrics

${GENERATED('src/telemetry/metrics/catalogue.ts')}

What \`GET /metrics\` shows, in the text format of Prometheus; [monitoring](../guide/monitoring.md) says how to get at it and what to look at. A
histogram \`x\` has the series \`x_bucket\` (with the label \`le\`), \`x_sum\` and \`x_count\`. A label without a value is left out of its series. Labels
are names from the configuration and words of fixed lists: no key, alias, user or team is one. \`code\` is one of the [errors](errors.md).

${table('lanport_')}

## LiteLLM's names

The same numbers for dashboards that were made for LiteLLM.

${table('litellm_')}

## The process

${table('nodejs_')}

Further \`process_…\` and \`nodejs_…\` metrics are those that every Node.js program with prom-client has: memory, processor time, open files,
garbage collection. Which there are depends on the system.
`;
}
