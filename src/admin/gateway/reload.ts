import { z } from 'zod';
import { GatewayError } from '../../core/errors.ts';
import { operation } from '../operation.ts';

/** `POST /config/reload` */
export const reload = operation({
  method: 'POST',
  path: '/config/reload',
  who: 'master key',
  group: 'Gateway',
  summary: 'Takes the changed configuration, or says every problem and keeps the old one.',
  example: {},
  answer: z.looseObject({ warnings: z.array(z.string()) }),
  handle: async (_request, deps) => {
    const result = await deps.reload();
    if (result.ok) return { ...result.change, warnings: result.warnings };
    const { problems } = result;
    throw new GatewayError('config-refused', { problems: problems.join(' ') }, { data: { problems } });
  },
});
