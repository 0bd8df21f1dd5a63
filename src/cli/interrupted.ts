import type { ProgramIo } from './program-io.ts';

/** Aborts when the process is asked to stop. */
export function interrupted(io: Pick<ProgramIo, 'stopRequested'>): AbortSignal {
  const controller = new AbortController();
  void io.stopRequested().then(() => controller.abort());
  return controller.signal;
}
