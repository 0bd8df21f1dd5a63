import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateConfigReference } from '../../src/config/reference.ts';
import { openApiDocument } from '../../src/admin/openapi.ts';
import { VERSION } from '../../src/app/version.ts';
import { apiPage } from './api-page.ts';
import { boundsPage } from './bounds-page.ts';
import { cliPage } from './cli-page.ts';
import { diagnosesPage } from './diagnoses-page.ts';
import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-page.ts';
import { postgresGuardPage } from './postgres-guard-page.ts';

/** The generated pages: their text by path in the checkout. */
export function referenceFiles(): ReadonlyMap<string, string> {
  const config = generateConfigReference();
  return new Map([
    ['docs/reference/config.md', config.markdown],
    ['docs/reference/config.schema.json', `${JSON.stringify(config.schema, null, 2)}\n`],
    ['docs/reference/api.md', apiPage()],
    ['docs/reference/openapi.json', `${JSON.stringify(openApiDocument(VERSION), null, 1)}\n`],
    ['docs/reference/cli.md', cliPage()],
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/diagnoses.md', diagnosesPage()],
    ['docs/reference/bounds.md', boundsPage()],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/postgres-guard.md', postgresGuardPage()],
  ]);
}

/** Paths of the generated pages that differ from what the code says now, missing ones included. */
export async function docsDrift(root: string): Promise<readonly string[]> {
  const stale: string[] = [];
  for (const [path, text] of referenceFiles()) {
    const present = await readFile(join(root, path), 'utf8').catch(() => undefined);
    if (present !== text) stale.push(path);
  }
  return stale;
}
