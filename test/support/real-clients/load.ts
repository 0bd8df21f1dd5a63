import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Loads a package that is installed there, as `T`, which says as much of it as a test uses. */
export async function load<T>(modules: string, name: string): Promise<T> {
  const { resolve } = createRequire(join(modules, 'index.js'));
  return (await import(pathToFileURL(resolve(name)).href)) as T;
}
