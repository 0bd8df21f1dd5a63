import { z } from 'zod';
import { keyRef } from '../accounts/fields.ts';
import { shownKey } from '../accounts/shown.ts';
import { operation } from '../operation.ts';
import { shown } from './show.ts';

const blocking = (isBlocked: boolean, path: string, summary: string) =>
  operation({
    method: 'POST',
    path,
    who: 'management key',
    group: 'Keys',
    summary,
    body: z.strictObject({ key: keyRef }),
    example: { body: { key: 'ada-laptop' } },
    answer: shownKey,
    handle: async ({ body, by, principal }, deps) => {
      const record = await deps.keys.setBlocked(body.key, isBlocked, principal.alias ?? principal.id);
      deps.audit(isBlocked ? 'key-block' : 'key-unblock', principal, {
        key: record.id,
        alias: record.alias,
        by,
      });
      return shown(record, deps);
    },
  });

/** `POST /key/block` */
export const blockKey = blocking(true, '/key/block', 'Refuses a key until it is unblocked.');
/** `POST /key/unblock` */
export const unblockKey = blocking(false, '/key/unblock', 'Lets a blocked key in again.');
