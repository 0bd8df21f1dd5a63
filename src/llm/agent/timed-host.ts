import type { ToolHost } from '../llm-ports.ts';
import type { Stopwatch } from '../usage/stopwatch.ts';

/** A host whose tools' time counts as waiting. `now`: monotonic milliseconds. */
export function timedHost(host: ToolHost, watch: Stopwatch, now: () => number): ToolHost {
  return {
    list: (names) => host.list(names),
    call: async (tool, input, signal) => {
      watch.start(now());
      try {
        return await host.call(tool, input, signal);
      } finally {
        watch.stop(now());
      }
    },
  };
}
